"""Jobs on their way, for the tests of what moves them."""

from typing import Any

from alloyworks.accounts.principal import Principal
from alloyworks.jobs import lifecycle
from alloyworks.jobs.models import Attempt, Job, JobState

TRAIN: dict[str, Any] = {"kind": "train", "name": "elements", "model": "m", "dataset": "d"}
EVALUATE: dict[str, Any] = {"kind": "evaluate", "models": ["m"], "test_sets": [{"dataset": "d"}]}


def new_job(principal: Principal, spec: dict[str, Any] = TRAIN, **changes: Any) -> Job:
    """A queued job with room for three attempts. Call it inside the organisation's scope."""
    values = {"name": "elements", "state": JobState.QUEUED, "attempt_limit": 3} | changes
    return Job.objects.create(
        organisation=principal.organisation, kind=spec["kind"], spec=spec, **values
    )


def started(principal: Principal, **changes: Any) -> Attempt:
    """The first attempt of a new job, which its runner has not asked for yet."""
    return lifecycle.open_attempt(new_job(principal, **changes))


def running(principal: Principal, **changes: Any) -> Attempt:
    attempt = started(principal, **changes)
    lifecycle.begin(attempt)
    return attempt


def running_of(job: Job) -> Attempt:
    """The first attempt of a job that is there."""
    attempt = lifecycle.open_attempt(job)
    lifecycle.begin(attempt)
    return attempt


def now(job: Job) -> Job:
    """The row as it is in the database."""
    return Job.objects.get(id=job.id)
