"""How long a job may run: all its attempts together, from the first start to the end.

When the time is over the runner is told to stop, which leaves it some seconds for a last checkpoint;
one that does not is ended by the platform.
"""

from datetime import datetime, timedelta

from alloyengine.spec.protocol import Failure
from alloyworks.config import config
from alloyworks.errors import invalid
from alloyworks.jobs import clock
from alloyworks.jobs.models import Job

GRACE = timedelta(seconds=60)
MOST_HOURS = 24 * 365


def hours(wanted: float | None) -> float:
    """What was asked for, or the deployment's own limit. Invalid when it is none."""
    if wanted is None:
        return config.job_hours
    if not 0 < wanted <= MOST_HOURS:
        raise invalid(
            ["max_hours"], f"A job can't run for {wanted} hours.", f"Use up to {MOST_HOURS} hours."
        )
    return wanted


def of(job: Job) -> datetime | None:
    """None for a job that has not begun."""
    return job.started_at and job.started_at + timedelta(hours=job.max_hours or config.job_hours)


def is_over(job: Job, grace: timedelta = timedelta(0)) -> bool:
    ends = of(job)
    return ends is not None and ends + grace <= clock.now()


def failure(job: Job) -> Failure:
    limit = job.max_hours or config.job_hours
    return Failure(
        code="deadline",
        fault="user",
        message=f"The job ran for its whole time limit of {limit:.3g} hours and was not done.",
        remedy="Retry it to go on after its last checkpoint, or submit it with a larger max_hours.",
    )
