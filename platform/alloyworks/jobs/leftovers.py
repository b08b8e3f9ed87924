"""What attempts without a result leave in storage: files, and uploads that were never completed.

The runner of such an attempt hears within a second that it is over. What it sends until then to a URL
signed earlier may stay: parts of an upload that was given up are refused, so it is small files alone.
"""

from uuid import UUID

from alloyworks.jobs.finish import prefix_of
from alloyworks.jobs.models import Attempt, AttemptState
from alloyworks.storage import objects
from alloyworks.tenancy import scope

_WITHOUT_RESULT = (AttemptState.FAILED, AttemptState.LOST, AttemptState.CANCELLED)


def sweep_attempt(attempt_id: UUID, organisation_id: UUID) -> None:
    """Does nothing for an attempt that succeeded, or may yet. Doing it twice is harmless."""
    with scope(organisation_id):
        attempt = Attempt.objects.filter(id=attempt_id, state__in=_WITHOUT_RESULT).first()
    if attempt is None:
        return
    prefix = prefix_of(attempt)
    objects.abort_prefix(prefix)
    objects.delete_prefix(prefix)
