"""The usage of a month, for its page, for the API and as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncDate

from alloyworks import spreadsheet
from alloyworks.accounts.principal import Principal
from alloyworks.usage.models import Usage
from alloyworks.usage.months import next_month

COLUMNS = (
    "begun_at",
    "job_id",
    "job",
    "kind",
    "attempt",
    "seconds",
    "gpus",
    "gpu_seconds",
    "tokens",
    "stored_bytes",
)


@dataclass(frozen=True)
class Sums:
    """Of a day, of a kind of job, or of everything."""

    name: str
    attempts: int
    seconds: float
    gpu_seconds: float
    tokens: int
    stored_bytes: int


def entries(principal: Principal, month: datetime) -> QuerySet[Usage]:
    """Attempts that began in the month whose first moment is given, newest first."""
    mine = Usage.objects.filter(organisation=principal.organisation)
    within = mine.filter(begun_at__gte=month, begun_at__lt=next_month(month))
    return within.select_related("job").order_by("-id")


def total(rows: QuerySet[Usage]) -> Sums:
    found = rows.order_by().values(name=F("organisation_id"))
    return next(iter(_sums(found)), Sums("", 0, 0.0, 0.0, 0, 0))


def by_kind(rows: QuerySet[Usage]) -> list[Sums]:
    return _sums(rows.order_by().values(name=F("kind")).order_by("kind"))


def by_day(rows: QuerySet[Usage], month: datetime) -> list[Sums]:
    """Every day of the month, also those without usage."""
    found = {day.name: day for day in _sums(rows.order_by().values(name=TruncDate("begun_at")))}
    days = (next_month(month) - month).days
    names = [str((month + timedelta(days=n)).date()) for n in range(days)]
    return [found.get(name, Sums(name, 0, 0.0, 0.0, 0, 0)) for name in names]


def as_csv(rows: QuerySet[Usage]) -> Iterator[str]:
    """A line a row."""
    yield spreadsheet.line(COLUMNS)
    for row in rows.iterator(chunk_size=500):
        yield spreadsheet.line(told(row).values())


def told(row: Usage) -> dict[str, object]:
    values = (
        row.begun_at.isoformat(),
        str(row.job_id),
        row.job.name,
        row.kind,
        row.attempt_number,
        round(row.seconds, 3),
        row.gpus,
        round(row.seconds * row.gpus, 3),
        row.tokens,
        row.stored_bytes,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _sums(grouped: "QuerySet[Usage, Any]") -> list[Sums]:
    counted = grouped.annotate(
        attempts=Count("id"),
        sum_seconds=Sum("seconds"),
        sum_gpu=Sum(F("seconds") * F("gpus")),
        sum_tokens=Sum("tokens"),
        sum_bytes=Sum("stored_bytes"),
    )
    return [
        Sums(
            name=str(row["name"]),
            attempts=row["attempts"],
            seconds=row["sum_seconds"],
            gpu_seconds=row["sum_gpu"],
            tokens=row["sum_tokens"],
            stored_bytes=row["sum_bytes"],
        )
        for row in counted
    ]
