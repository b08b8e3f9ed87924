"""The states of a job and the ways between them; the database enforces the same table."""

from alloyworks.jobs.models import JobState

WAITING, QUEUED, STARTING, RUNNING = (
    JobState.WAITING,
    JobState.QUEUED,
    JobState.STARTING,
    JobState.RUNNING,
)
SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED

UNFINISHED = frozenset({WAITING, QUEUED, STARTING, RUNNING})
FINISHED = frozenset({SUCCEEDED, FAILED, CANCELLED})

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    WAITING: frozenset({QUEUED, FAILED, CANCELLED}),
    QUEUED: frozenset({STARTING, FAILED, CANCELLED}),
    # Back to the queue when an attempt is lost; on to the end when a runner is very quick.
    STARTING: frozenset({RUNNING, QUEUED, SUCCEEDED, FAILED, CANCELLED}),
    RUNNING: frozenset({QUEUED, SUCCEEDED, FAILED, CANCELLED}),
    SUCCEEDED: frozenset(),
    # A person may try again.
    FAILED: frozenset({QUEUED, WAITING}),
    CANCELLED: frozenset({QUEUED, WAITING}),
}
