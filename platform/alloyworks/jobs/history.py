"""What the platform itself tells of a job: its changes of state, in words."""

from alloyworks.jobs import clock
from alloyworks.jobs.models import Event, Job, JobState


def move(job: Job, state: JobState, message: str) -> None:
    """Changes the state and writes it down. The job's row is locked by the caller.

    The database refuses a way that `states.TRANSITIONS` does not know.
    """
    job.state = state
    job.save()
    note(job, message)


def note(job: Job, message: str) -> None:
    """An event of the platform's own on the job's page."""
    Event.objects.create(
        organisation_id=job.organisation_id,
        job=job,
        attempt_number=job.attempt_number,
        at=clock.now(),
        type="state",
        data={"state": job.state, "message": message},
    )
