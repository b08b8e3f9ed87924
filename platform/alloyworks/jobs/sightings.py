"""What a cluster's controller tells of attempts. It knows no more than their names, and may tell late
or twice: what an attempt is over for is decided here.
"""

from uuid import UUID

from alloyengine.spec.protocol import Failure
from alloyworks.config import config
from alloyworks.jobs import deadline, lifecycle
from alloyworks.jobs.history import note
from alloyworks.jobs.lifecycle import StaleAttempt
from alloyworks.jobs.models import Attempt
from alloyworks.observability.redaction import Redactor, secrets_of
from alloyworks.tenancy import scope

_redact = Redactor(secrets_of(config))
WAITS = "waits"
"""In an attempt's handle: the kind of waiting that its job's page tells of."""
_NO_MACHINE = Failure(
    code="no_machine",
    fault="capacity",
    message="No machine was free for the job within the time that it may wait.",
)


def waits(organisation: UUID, job: UUID, number: int, code: str, words: str) -> bool:
    """Tells people for what the attempt waits, once a kind. False while it is still being launched."""
    with scope(organisation):
        attempt = Attempt.objects.filter(job_id=job, number=number).first()
        if attempt is None:
            return True
        try:
            its_job = lifecycle.job_of(attempt)
        except StaleAttempt:
            return True
        if not attempt.handle:
            return False
        if attempt.started_at is None and attempt.handle.get(WAITS) != code:
            attempt.handle[WAITS] = code
            attempt.save(update_fields=["handle"])
            note(its_job, _redact(words))
    return True


def lost(organisation: UUID, job: UUID, number: int, failure: Failure) -> bool:
    """Ends the attempt, which brought no result. False when it had ended, or there is none."""
    with scope(organisation):
        attempt = Attempt.objects.filter(job_id=job, number=number).select_related("job").first()
        if attempt is None:
            return False
        try:
            lifecycle.job_of(attempt)
        except StaleAttempt:
            return False
        lifecycle.lose(attempt, settled(attempt, failure))
    return True


def settled(attempt: Attempt, failure: Failure) -> Failure:
    """As people may read it, without secrets; whether the attempt ever had a machine we know better."""
    if failure.code in ("no_machine", "deadline"):
        return deadline.failure(attempt.job) if attempt.started_at else _NO_MACHINE
    return failure.model_copy(update={"message": _redact(failure.message)})
