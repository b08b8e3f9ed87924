"""Jobs: submitted, followed, cancelled, tried again."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Body, Query, Router, Status
from pydantic import BaseModel, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from alloyengine.spec.doctor import Report
from alloyengine.spec.job import job_spec
from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.jobs import (
    check,
    deadline,
    lifecycle,
    outcomes,
    reading,
    submission,
    waiting,
)
from alloyworks.jobs.models import Job, JobState

router = Router()


class _DescribedAsSpec:
    """In the API's description a job spec; in fact anything.

    `jobs.specs` reads it in better words than ninja has, and a spec that was stored long ago
    must be shown even if it would not be accepted today.
    """

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(job_spec.core_schema)


Spec = Annotated[Any, _DescribedAsSpec()]
Kind = Annotated[str | None, Query(max_length=24, description="Only jobs of this kind")]
State = Annotated[JobState | None, Query(description="Only jobs in this state")]
MaxHours = Annotated[
    float | None,
    Query(gt=0, le=deadline.MOST_HOURS, description="It is ended when it has run for so long"),
]
Priority = Annotated[
    int,
    Query(
        ge=-submission.HIGHEST,
        le=submission.HIGHEST,
        description="Of the organisation's jobs that wait, a higher one goes first",
    ),
]


class ProgressOut(BaseModel):
    phase: str
    done: int
    total: int
    seconds_left: float | None = None


class OutcomeOut(BaseModel):
    """How it ended without a result."""

    code: str = Field(description="One of a closed set; failure.code is the same")
    title: str
    whose: Literal["yours", "ours", "capacity"] = Field(description="Whose fault it is")
    message: str
    remedy: str = Field(description="What to do")
    again: bool = Field(description="Another attempt is made by itself, while there are any left")


class SourceOut(BaseModel):
    id: UUID
    name: str
    state: JobState


class WaitingOut(BaseModel):
    """Why a job has not begun."""

    why: str
    place: int | None = Field(description="In the queue of everybody's jobs; 1 is next")
    until: datetime | None = Field(description="End of the pause after an attempt that failed")
    jobs: list[SourceOut] = Field(description="Whose models it needs")


class JobItem(BaseModel):
    id: UUID
    name: str
    kind: str
    state: JobState
    attempt_number: int
    created_at: datetime
    created_by: str | None = Field(description="E-mail address; null when the person is gone")
    started_at: datetime | None
    finished_at: datetime | None
    progress: ProgressOut | None
    failure: Failure | None
    model_id: UUID | None = Field(description="The model that it made")


class JobOut(JobItem):
    spec: Spec
    result: dict[str, Any] | None
    reports: list[str] = Field(description="Names; fetch each below /reports/")
    outcome: OutcomeOut | None = Field(description="Of a job that failed")
    waiting: WaitingOut | None = Field(description="Of a job that has not begun")
    max_hours: float | None = Field(description="How long all attempts together may run")
    deadline_at: datetime | None = Field(description="When a job that has begun is ended")


@router.post("", response={201: JobOut, **PROBLEMS}, summary="Submit a job")
def submit(
    request: HttpRequest, spec: Body[Spec], max_hours: MaxHours = None, priority: Priority = 0
) -> Status[JobOut]:
    """A spec that can't be done is refused with everything that is wrong with it."""
    principal = principal_of(request, "jobs.submit")
    return Status(201, job_out(submission.submit(principal, spec, max_hours, priority)))


@router.post("/check", response={204: None, **PROBLEMS}, summary="Check a job spec")
def check_spec(request: HttpRequest, spec: Body[Spec]) -> Status[None]:
    """Says what submitting it would say, and stores nothing."""
    check.check(principal_of(request, "jobs.submit"), spec)
    return Status(204, None)


@router.post("/examine", response={200: Report, **PROBLEMS}, summary="Examine a job spec")
def examine(request: HttpRequest, spec: Body[Spec]) -> Report:
    """What to know of a job before it is submitted; stores nothing.

    Of merges: do the models fit (architecture, vocabulary, special tokens, positions), is the
    recipe right, what will it take, under which licence is the result. Every finding has a place
    and a remedy; a spec with errors would be refused. Of other jobs: the errors alone.
    """
    return check.examine(principal_of(request, "jobs.submit"), spec)


@router.get("", response={200: Page[JobItem], **PROBLEMS}, summary="List jobs")
def list_jobs(
    request: HttpRequest,
    state: State = None,
    kind: Kind = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[JobItem]:
    rows = reading.listed(principal_of(request, "jobs.view"), state=state, kind=kind)
    found, following = page_of(rows, cursor, limit)
    return Page(items=[JobItem(**_item(row)) for row in found], next=following)


@router.get("/{job_id}", response={200: JobOut, **PROBLEMS}, summary="Show a job")
def show(request: HttpRequest, job_id: UUID) -> JobOut:
    return job_out(reading.get(principal_of(request, "jobs.view"), job_id))


@router.post("/{job_id}/cancel", response={200: JobOut, **PROBLEMS}, summary="Cancel a job")
def cancel(request: HttpRequest, job_id: UUID) -> JobOut:
    """A job that runs is ordered to stop, and is `cancelled` once it has."""
    return job_out(lifecycle.cancel(principal_of(request, "jobs.cancel"), job_id))


@router.post("/{job_id}/retry", response={200: JobOut, **PROBLEMS}, summary="Retry a job")
def retry(request: HttpRequest, job_id: UUID) -> JobOut:
    """Only for jobs that failed or were cancelled; the same job goes on with another attempt."""
    return job_out(lifecycle.retry(principal_of(request, "jobs.submit"), job_id))


@router.post("/{job_id}/clone", response={201: JobOut, **PROBLEMS}, summary="Clone a job")
def clone(request: HttpRequest, job_id: UUID) -> Status[JobOut]:
    """A new job with the same spec, which is checked anew."""
    return Status(201, job_out(submission.clone(principal_of(request, "jobs.submit"), job_id)))


def job_out(row: Job) -> JobOut:
    return JobOut(
        **_item(row),
        spec=row.spec,
        result=row.result,
        reports=sorted(row.reports),
        outcome=outcome_out(row.failure),
        waiting=_waiting(row),
        max_hours=row.max_hours,
        deadline_at=deadline.of(row),
    )


def outcome_out(failure: dict[str, Any] | None) -> OutcomeOut | None:
    found = outcomes.told(failure)
    return OutcomeOut(**asdict(found)) if found else None


def _waiting(row: Job) -> WaitingOut | None:
    found = waiting.of(row)
    return WaitingOut(**asdict(found)) if found else None


def _item(row: Job) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "state": row.state,
        "attempt_number": row.attempt_number,
        "created_at": row.created_at,
        "created_by": row.created_by.email if row.created_by else None,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "progress": row.progress or None,
        "failure": row.failure,
        "model_id": reading.model_id(row),
    }
