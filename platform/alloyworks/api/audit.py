"""The audit log, for owners and admins."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from alloyworks.accounts import audit, audit_export
from alloyworks.accounts.audit_export import Format
from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS

router = Router()
KINDS: dict[str, dict[str, object]] = {
    kind.partition(";")[0]: {} for kind in audit_export.MEDIA_TYPES.values()
}
FILES = {"responses": {200: {"description": "All entries, newest first", "content": KINDS}}}
TEXT = r"^[^\x00]*$"


class EntryOut(BaseModel):
    id: UUID
    at: datetime
    actor_id: UUID | None
    actor: str = Field(description="E-mail address at the time; empty when it is not known")
    api_key: str = Field(description="Prefix of the API key that was used; empty for browsers")
    address: str | None = Field(description="IP address")
    action: str = Field(description="Such as `job.submit`: a kind of thing and what was done")
    object_id: str
    object_name: str
    details: dict[str, object]


class Filters(BaseModel):
    action: str = Field(
        "", max_length=40, pattern=TEXT, description="`job.submit`, or `job` for all about jobs"
    )
    actor: str = Field("", max_length=254, pattern=TEXT, description="E-mail address")
    since: datetime | None = None
    until: datetime | None = Field(None, description="Only entries before this time")


Wanted = Annotated[Filters, Query()]


@router.get("", response={200: Page[EntryOut], **PROBLEMS}, summary="List the audit log")
def list_entries(
    request: HttpRequest, wanted: Wanted, cursor: Cursor = None, limit: Limit = 50
) -> Page[EntryOut]:
    rows = audit.entries(principal_of(request, "audit.view"), **wanted.model_dump())
    found, following = page_of(rows, cursor, limit)
    return Page(items=[EntryOut(**audit_export.told(row)) for row in found], next=following)


@router.get("/export", response=PROBLEMS, openapi_extra=FILES, summary="Export the audit log")
def export(
    request: HttpRequest,
    wanted: Wanted,
    format: Format = "jsonl",  # noqa: A002
) -> StreamingHttpResponse:
    """As JSON lines or CSV; the export itself is noted."""
    return audit_export.file(principal_of(request, "audit.view"), format, **wanted.model_dump())
