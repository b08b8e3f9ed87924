"""What an organisation has used, and what it may."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from alloyworks.accounts.principal import principal_of
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.usage import ledger, limits, months

router = Router()
CSV = {"responses": {200: {"description": "A line an attempt", "content": {"text/csv": {}}}}}
Month = Annotated[
    str | None,
    Query(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", description="Such as 2026-11; none: this one, UTC"),
]


class SumsOut(BaseModel):
    name: str = Field(description="The day, or the kind of job")
    attempts: int
    seconds: float
    gpu_seconds: float
    tokens: int = Field(description="Learned by training")
    stored_bytes: int = Field(description="Of the models that were made")


class UsageOut(BaseModel):
    month: str
    total: SumsOut
    by_kind: list[SumsOut]
    by_day: list[SumsOut]


class UsedOut(BaseModel):
    """One attempt."""

    begun_at: datetime
    job_id: UUID
    job: str
    kind: str
    attempt: int
    seconds: float
    gpus: int
    gpu_seconds: float
    tokens: int
    stored_bytes: int


class NumbersOut(BaseModel):
    running_jobs: int | None
    open_jobs: int | None = Field(description="Waiting or running")
    gpu_hours: float | None = Field(description="This calendar month, UTC")
    job_hours: float | None = Field(description="Of all jobs, this calendar month, UTC")
    storage_bytes: int | None


class LimitsOut(BaseModel):
    used: NumbersOut
    allowed: NumbersOut = Field(description="null: without a limit")
    upload_bytes: int | None = Field(description="Largest dataset file")


@router.get("", response={200: UsageOut, **PROBLEMS}, summary="Show a month's usage")
def show(request: HttpRequest, month: Month = None) -> UsageOut:
    begin = _month(month)
    rows = ledger.entries(principal_of(request, "usage.view"), begin)
    return UsageOut(
        month=f"{begin:%Y-%m}",
        total=_sums(ledger.total(rows)),
        by_kind=[_sums(found) for found in ledger.by_kind(rows)],
        by_day=[_sums(found) for found in ledger.by_day(rows, begin)],
    )


@router.get("/attempts", response={200: Page[UsedOut], **PROBLEMS}, summary="List the ledger")
def list_entries(
    request: HttpRequest, month: Month = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[UsedOut]:
    rows = ledger.entries(principal_of(request, "usage.view"), _month(month))
    found, following = page_of(rows, cursor, limit)
    return Page(items=[UsedOut.model_validate(ledger.told(row)) for row in found], next=following)


@router.get("/export", response=PROBLEMS, openapi_extra=CSV, summary="Export a month's usage")
def export(request: HttpRequest, month: Month = None) -> HttpResponse:
    begin = _month(month)
    rows = ledger.entries(principal_of(request, "usage.view"), begin)
    answer = HttpResponse("".join(ledger.as_csv(rows)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="usage-{begin:%Y-%m}.csv"'
    return answer


@router.get("/limits", response={200: LimitsOut, **PROBLEMS}, summary="Show the limits")
def show_limits(request: HttpRequest) -> LimitsOut:
    organisation = principal_of(request, "usage.view").organisation.id
    used, allowed = limits.used(organisation), limits.allowance(organisation)
    return LimitsOut(
        used=NumbersOut.model_validate(used, from_attributes=True),
        allowed=NumbersOut.model_validate(allowed, from_attributes=True),
        upload_bytes=allowed.upload_bytes,
    )


def _month(text: str | None) -> datetime:
    return months.this_month() if text is None else months.named(text)


def _sums(found: ledger.Sums) -> SumsOut:
    return SumsOut.model_validate(found, from_attributes=True)
