"""Why a job has not begun: whom it waits for, and its place in the queue."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from alloyworks.jobs import clock, turn
from alloyworks.jobs.models import Job
from alloyworks.jobs.states import QUEUED, SUCCEEDED, WAITING
from alloyworks.usage.limits import allowance


@dataclass(frozen=True)
class Source:
    """A job whose model is awaited."""

    id: UUID
    name: str
    state: str


@dataclass(frozen=True)
class Waiting:
    why: str
    place: int | None = None  # in the queue of everybody's jobs; 1 is next
    until: datetime | None = None  # the pause before the next attempt
    jobs: list[Source] = field(default_factory=list)


def of(job: Job) -> Waiting | None:
    """None for a job that runs or is finished."""
    if job.state == WAITING:
        return _for_jobs(job)
    if job.state != QUEUED:
        return None
    if job.not_before and job.not_before > clock.now():
        why = f"Attempt {job.attempt_number} ended without a result; the next one begins after a pause."
        return Waiting(why, until=job.not_before)
    return _in_queue(job)


def _for_jobs(job: Job) -> Waiting:
    inputs = job.inputs.exclude(source_job=None).select_related("source_job").order_by("id")
    found = [entry.source_job for entry in inputs if entry.source_job]
    left = {source.id: source for source in found if source.state != SUCCEEDED}
    named = " and ".join(f"{source.name!r}, which is {source.state}" for source in left.values())
    why = (
        f"It needs the model of {named}." if left else "Its inputs are there: it is about to queue."
    )
    return Waiting(why, jobs=[Source(s.id, s.name, s.state) for s in left.values()])


def _in_queue(job: Job) -> Waiting:
    """Slots are given out in turn by organisation, so the place can also grow worse."""
    found = turn.place_of(turn.Waiting(job.id, job.organisation_id))
    place, running = found.place or 1, found.running
    most = allowance(job.organisation_id).running_jobs
    if most is not None and found.mine >= most:
        why = f"Your organisation runs {_jobs(found.mine)}, and may not run more at once."
        return Waiting(why, place)
    ahead = place - 1
    before = f"{_jobs(ahead)} {_are(ahead)} before this one" if ahead else ""
    if not running:
        return Waiting(f"{before}." if before else "It is about to start.", place)
    rest = f", and {before}" if before else "; this one is next"
    return Waiting(f"No slot is free: {_jobs(running)} {_are(running)} running{rest}.", place)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
