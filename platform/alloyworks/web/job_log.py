"""A job's log: its lines and changes of state, with names in the place of references."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from alloyworks.jobs.models import Event, Job

Names = Mapping[str, str]


@dataclass(frozen=True)
class Line:
    id: int
    at: datetime
    attempt: int
    level: str
    message: str


def lines_of(job: Job, names: Names, last: int | None = None) -> list[Line]:
    """Oldest first; only the last so many when told."""
    rows = Event.objects.filter(job=job).order_by("-id")
    found = [_line(row, names) for row in (rows[:last] if last else rows.iterator())]
    return found[::-1]


def as_text(job: Job, names: Names) -> Iterator[str]:
    for line in lines_of(job, names):
        at = line.at.strftime("%Y-%m-%d %H:%M:%S")
        yield f"{at} attempt {line.attempt} {line.level:7} {line.message}\n"


def _line(row: Event, names: Names) -> Line:
    level = row.data.get("level", "info") if row.type == "log" else "state"
    message = row.data.get("message", "")
    for reference, name in names.items():
        message = message.replace(reference, name)
    return Line(row.id, row.at, row.attempt_number, level, message)
