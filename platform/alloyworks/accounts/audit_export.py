"""The audit log as a file: JSON lines or CSV, sent while it is read."""

import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Literal, get_args
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from alloyworks import spreadsheet
from alloyworks.accounts import audit
from alloyworks.accounts.models import AuditEntry
from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope

Format = Literal["jsonl", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
COLUMNS = [
    *("id", "at", "actor_id", "actor", "api_key", "address", "action"),
    *("object_id", "object_name", "details"),
]
PIECE = 500  # rows of one look at the database


def file(principal: Principal, form: Format, **filters: Any) -> StreamingHttpResponse:
    """A download of the entries that `audit.entries` finds; that it was asked for is noted."""
    rows = audit.entries(principal, **filters)
    whole = principal.organisation
    audit.note(principal, "audit.export", whole.id, whole.name, format=form)
    headers = {
        "Content-Disposition": f'attachment; filename="audit.{form}"',
        "Cache-Control": "no-store",
    }
    content = lines(principal, rows, form)
    return StreamingHttpResponse(content, content_type=MEDIA_TYPES[form], headers=headers)


async def lines(
    principal: Principal, rows: QuerySet[AuditEntry], form: Format
) -> AsyncIterator[str]:
    """Piece by piece, each in a transaction of its own: the request's is over by then."""
    write, cursor = WRITERS[form], None
    if form == "csv":
        yield _csv([dict(zip(COLUMNS, COLUMNS, strict=True))])
    while True:
        text, cursor = await sync_to_async(_piece)(principal, rows, cursor, write)
        yield text
        if cursor is None:
            return


def told(row: AuditEntry) -> dict[str, Any]:
    """An entry as the API and the files tell it."""
    return {
        "id": row.id,
        "at": row.created_at,
        "actor_id": row.actor_id,
        "actor": row.actor,
        "api_key": row.api_key,
        "address": row.address,
        "action": row.action,
        "object_id": row.object_id,
        "object_name": row.object_name,
        "details": row.details,
    }


def _piece(
    principal: Principal,
    rows: QuerySet[AuditEntry],
    cursor: UUID | None,
    write: Callable[[Iterable[dict[str, Any]]], str],
) -> tuple[str, UUID | None]:
    """The next rows as text, and the last of their ids; None at the end."""
    with scope(principal.organisation.id, principal.user.id):
        wanted = rows if cursor is None else rows.filter(id__lt=cursor)
        found = list(wanted[:PIECE])
    following = found[-1].id if len(found) == PIECE else None
    return write(told(row) for row in found), following


def _jsonl(entries: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(_plain(entry), ensure_ascii=False) + "\n" for entry in entries)


def _csv(entries: Iterable[dict[str, Any]]) -> str:
    return "".join(spreadsheet.line(map(_cell, _plain(entry).values())) for entry in entries)


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    at = entry["at"] if isinstance(entry["at"], str) else entry["at"].isoformat()
    ids = {key: str(entry[key]) if entry[key] else None for key in ("id", "actor_id")}
    return entry | ids | {"at": at}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


WRITERS: dict[Format, Callable[[Iterable[dict[str, Any]]], str]] = {"jsonl": _jsonl, "csv": _csv}
