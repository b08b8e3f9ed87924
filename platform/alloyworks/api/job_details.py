"""What a job leaves: attempts, log, curves, reports, an evaluation's answers, and all that live."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Header, Query, Router, Status
from pydantic import BaseModel, Field

from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import principal_of
from alloyworks.api.files import DownloadOut
from alloyworks.api.jobs import OutcomeOut, outcome_out
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.jobs import answers, reading, stream
from alloyworks.jobs.models import Attempt, AttemptState, Event, JobState

router = Router()
STREAM = "text/event-stream"
STREAMED = {"responses": {200: {"description": "Until the job ends", "content": {STREAM: {}}}}}
MAX_EVENTS, MAX_POINTS = 1000, 10_000
LastEventId = Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1)]
After = Annotated[int, Query(ge=0, le=2**63 - 1, description="Only events with larger ids")]


class AttemptOut(BaseModel):
    id: UUID
    number: int
    state: AttemptState
    created_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None
    failure: Failure | None
    outcome: OutcomeOut | None
    last_lines: list[str] = Field(description="What it logged last")


class EventOut(BaseModel):
    """A log line (with a level) or a change of state (with a state)."""

    id: int
    at: datetime
    attempt: int
    type: str = Field(description="log or state")
    level: str | None
    state: JobState | None
    message: str


class EventPage(BaseModel):
    items: list[EventOut]
    next: int | None = Field(description="`after` of the next page; null at the end")


@router.get(
    "/{job_id}/attempts", response={200: Page[AttemptOut], **PROBLEMS}, summary="List attempts"
)
def list_attempts(
    request: HttpRequest, job_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[AttemptOut]:
    rows = reading.attempts_of(principal_of(request, "jobs.view"), job_id)
    found, following = page_of(rows, cursor, limit)
    lines = reading.last_lines(found[0].job) if found else {}
    return Page(items=[attempt_out(row, lines) for row in found], next=following)


@router.get(
    "/{job_id}/events", response={200: EventPage, **PROBLEMS}, summary="Logs and changes of state"
)
def list_events(
    request: HttpRequest,
    job_id: UUID,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 200,
) -> EventPage:
    """Oldest first."""
    principal = principal_of(request, "jobs.view")
    found = reading.events_after(principal, job_id, after, limit + 1)
    more = len(found) > limit
    items = [event_out(row) for row in found[:limit]]
    return EventPage(items=items, next=items[-1].id if more else None)


@router.get(
    "/{job_id}/metrics",
    response={200: dict[str, list[tuple[int, float]]], **PROBLEMS},
    summary="Curves of a job",
)
def metrics(
    request: HttpRequest,
    job_id: UUID,
    points: Annotated[int, Query(ge=2, le=MAX_POINTS, description="At most, of each")] = 2000,
) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by the name of the metric; long curves are thinned out evenly."""
    return reading.curves(principal_of(request, "jobs.view"), job_id, points)


@router.get(
    "/{job_id}/reports/{name}",
    response={200: dict[str, Any], **PROBLEMS},
    summary="Show a report",
)
def show_report(request: HttpRequest, job_id: UUID, name: str) -> dict[str, Any]:
    """A structured finding, such as `snr`: the signal-to-noise ratio of every module."""
    return reading.report(principal_of(request, "jobs.view"), job_id, name)


@router.get(
    "/{job_id}/answers", response={200: list[DownloadOut], **PROBLEMS}, summary="Download answers"
)
def list_answers(request: HttpRequest, job_id: UUID) -> list[DownloadOut]:
    """Of an evaluation: where to fetch what each model answered. `examples-0-1.jsonl` is the first
    model of the spec on the second test set, a line an example, in the test set's order;
    `tasks-0-1.jsonl` the same of the second task.
    """
    found = answers.downloads(principal_of(request, "datasets.download"), job_id)
    return [DownloadOut(**download) for download in found]


@router.delete("/{job_id}/answers", response={204: None, **PROBLEMS}, summary="Delete answers")
def delete_answers(request: HttpRequest, job_id: UUID) -> Status[None]:
    """Of an evaluation: what models answered. The scores stay."""
    answers.forget(principal_of(request, "datasets.delete"), job_id)
    return Status(204, None)


@router.get("/{job_id}/stream", response=PROBLEMS, openapi_extra=STREAMED, summary="Follow a job")
def follow(
    request: HttpRequest, job_id: UUID, last_event_id: LastEventId = 0, after: After = 0
) -> StreamingHttpResponse:
    """Server-sent events: log, state, progress, metrics, report, end.

    A reader that comes back says by Last-Event-ID which log or state event it saw last.
    """
    principal = principal_of(request, "jobs.view")
    job = reading.get(principal, job_id)
    return StreamingHttpResponse(
        stream.follow(principal, job.id, last_event_id or after),
        content_type=STREAM,
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


def attempt_out(row: Attempt, lines: Mapping[int, list[str]]) -> AttemptOut:
    return AttemptOut(
        id=row.id,
        number=row.number,
        state=AttemptState(row.state),
        created_at=row.created_at,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        finished_at=row.finished_at,
        failure=row.failure,
        outcome=outcome_out(row.failure),
        last_lines=lines.get(row.number, []),
    )


def event_out(row: Event) -> EventOut:
    return EventOut(
        id=row.id,
        at=row.at,
        attempt=row.attempt_number,
        type=row.type,
        level=row.data.get("level"),
        state=row.data.get("state"),
        message=row.data["message"],
    )
