"""Runners without a job: their attempt is over, and they did not end by themselves.

As when the platform was killed between writing an attempt's end and ending its process, or when a
process that was suspended wakes up.
"""

from datetime import timedelta

from alloyworks.jobs import clock
from alloyworks.jobs.executors import executor
from alloyworks.jobs.lifecycle import OPEN
from alloyworks.jobs.models import Attempt
from alloyworks.tenancy import scope

GRACE = timedelta(seconds=30)
"""A runner whose attempt is over hears it within a second, and then cleans up."""


def end_orphans() -> None:
    """An attempt's row is written before its runner starts: who has none has lost it."""
    for runner in executor().runners():
        if _is_orphan(runner):
            executor().end(runner)


def _is_orphan(runner: Attempt) -> bool:
    with scope(runner.organisation_id):
        same = Attempt.objects.filter(job_id=runner.job_id, number=runner.number)
        attempt = same.first()
        if attempt is None:
            return True
        over = attempt.state not in OPEN
        return over and (attempt.finished_at is None or attempt.finished_at + GRACE < clock.now())
