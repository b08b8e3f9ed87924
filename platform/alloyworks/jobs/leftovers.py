"""What jobs leave in storage: files of attempts without a result, or with one that was deleted, uploads
that were never completed, checkpoints that nobody will go on from.

An attempt's are swept when it ends, by a message, and again soon after the job's end, as messages may be lost.
Its runner hears within a second that it is over; what it sends until then to a URL signed earlier may stay. So a
job is looked at once more when no URL is good any longer, and for the last time when its checkpoints have
been kept long enough.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import connection

from alloyworks.catalog.models import ModelVersion
from alloyworks.config import config
from alloyworks.jobs import checkpoints, clock
from alloyworks.jobs.finish import prefix_of
from alloyworks.jobs.models import Attempt, AttemptState, Job
from alloyworks.jobs.states import FINISHED
from alloyworks.storage import objects
from alloyworks.tenancy import scope

URLS_END = timedelta(hours=7)  # after a job's end; those that runners got are no longer good then
_WITHOUT_RESULT = (AttemptState.FAILED, AttemptState.LOST, AttemptState.CANCELLED)
_logger = logging.getLogger(__name__)


def sweep_attempt(attempt_id: UUID, organisation_id: UUID) -> None:
    """Does nothing for an attempt that succeeded, or may yet. Doing it twice is harmless."""
    with scope(organisation_id):
        attempt = Attempt.objects.filter(id=attempt_id, state__in=_WITHOUT_RESULT).first()
    if attempt is not None:
        objects.clear_prefix(prefix_of(attempt))


def tidy_all() -> None:
    """Every job of every organisation that is due."""
    for job_id, organisation_id in jobs_to_tidy():
        try:
            tidy(job_id, organisation_id)
        except Exception:
            # One job's trouble must not keep the others from being tidied; it stays due.
            _logger.exception("Job %s could not be tidied", job_id)


def jobs_to_tidy() -> list[tuple[UUID, UUID]]:
    """With their organisations."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT job_id, organisation_id FROM alloy_jobs_to_tidy()")
        return list(cursor.fetchall())


def tidy(job_id: UUID, organisation_id: UUID) -> None:
    """Removes what a finished job need not keep in storage. Doing it twice is harmless."""
    with scope(organisation_id):
        job = Job.objects.filter(id=job_id, state__in=FINISHED).first()
        if job is None or job.finished_at is None:
            return
        ended = list(Attempt.objects.filter(job=job, state__in=_WITHOUT_RESULT))
        forgets_at = job.finished_at + timedelta(days=config.checkpoint_days)
        forgets = forgets_at <= clock.now()
        if forgets:
            job.checkpoints.all().delete()
        keeps = job.checkpoints.exists()
        if not job.files and not ModelVersion.objects.filter(job=job).exists():
            ended += Attempt.objects.filter(job=job, state=AttemptState.SUCCEEDED)
    for attempt in ended:
        objects.clear_prefix(prefix_of(attempt))
    checkpoints.sweep(job_id, organisation_id)
    with scope(organisation_id):
        # Unless somebody has tried the job again meanwhile.
        same = Job.objects.filter(id=job_id, finished_at=job.finished_at)
        urls_end = job.finished_at + URLS_END
        again = urls_end if clock.now() < urls_end else forgets_at if keeps else None
        same.update(tidy_at=again)
