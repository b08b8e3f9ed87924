"""How a job lives: every change of its state, and of its attempts', is one function here.

Each function locks the job's row first. Who comes later finds the new state, and a runner whose
attempt is over hears `StaleAttempt`: the attempt's number is the fencing token.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from alloyengine.spec.protocol import Failure
from alloyworks.accounts import audit
from alloyworks.accounts.keys import hashed
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.errors import Conflict, NotFound
from alloyworks.jobs import clock, deadline, outcomes, tasks
from alloyworks.jobs.history import move, note
from alloyworks.jobs.models import Attempt, AttemptState, Job, JobInput, JobState
from alloyworks.jobs.states import (
    CANCELLED,
    FAILED,
    FINISHED,
    QUEUED,
    RUNNING,
    STARTING,
    SUCCEEDED,
    WAITING,
)
from alloyworks.jobs.tokens import token_of
from alloyworks.observability import metrics
from alloyworks.usage import limits, metering
from alloyworks.webhooks import events

OPEN = (AttemptState.STARTING, AttemptState.RUNNING)
_PATIENCE = [2, 10, 30, 60]  # seconds before the next attempt
_UNASKED = Failure(
    code="evicted", fault="capacity", message="The runner stopped, and nobody had told it to."
)


class StaleAttempt(Conflict):
    """The attempt is over: a later one was opened, or the job ended."""


# What people order.


def cancel(principal: Principal, job_id: UUID) -> Job:
    """Ends a job that has not begun; orders a running one to stop. Conflict when it is finished."""
    principal.require("jobs.cancel")
    with transaction.atomic():
        job = _locked(principal, job_id)
        if job.state in FINISHED:
            raise Conflict(f"The job is {job.state}; only an unfinished job can be cancelled.")
        job.cancel_requested_at = job.cancel_requested_at or clock.now()
        if job.state in (WAITING, QUEUED):
            _end(job, CANCELLED, f"Cancelled by {principal.user.email}.")
        else:
            job.save(update_fields=["cancel_requested_at"])
            note(job, f"{principal.user.email} asks the job to stop.")
            tasks.hint(job)
        audit.note(principal, "job.cancel", job.id, job.name)
    return job


def retry(principal: Principal, job_id: UUID) -> Job:
    """Puts a failed or cancelled job into the queue again. Conflict in any other state."""
    principal.require("jobs.submit")
    with transaction.atomic():
        job = _locked(principal, job_id)
        if job.state not in (FAILED, CANCELLED):
            raise Conflict(f"The job is {job.state}; only failed and cancelled ones are retried.")
        _refuse_lost_inputs(job)
        limits.refuse_job(principal.organisation.id)
        job.attempts_before = job.attempt_number
        job.attempt_limit = job.attempt_number + config.max_attempts
        job.cancel_requested_at = job.not_before = job.finished_at = None
        job.started_at = job.failure = job.tidy_at = None
        job.progress = {}
        ready = inputs_ready(job)
        move(job, QUEUED if ready else WAITING, f"Tried again by {principal.user.email}.")
        tasks.hint(job)
        audit.note(principal, "job.retry", job.id, job.name)
    return job


# What the dispatcher does.


def inputs_ready(job: Job) -> bool:
    """Whether every model that other jobs had to make is there."""
    return not job.inputs.exclude(source_job=None).exclude(source_job__state=SUCCEEDED).exists()


def settle(job: Job) -> None:
    """A waiting job joins the queue when its inputs are there, or ends when one never will be."""
    for entry in job.inputs.select_related("source_job"):
        source = entry.source_job
        if source is None:
            continue
        if source.state in (FAILED, CANCELLED):
            why = f"It waited for the job {source.name!r}, which {_ended(source)}."
            remedy = "Retry that job, and then this one."
            return _fail(job, _users_fault("input_failed", why, remedy))
        if source.state == SUCCEEDED and not _adopt(entry, source):
            why = f"The model that the job {source.name!r} made was deleted."
            return _fail(job, _users_fault("input_deleted", why, "Submit a job with other inputs."))
    if inputs_ready(job):
        move(job, QUEUED, "Its inputs are there.")
    return None


def open_attempt(job: Job) -> Attempt:
    """The next attempt of a queued job whose row is locked."""
    job.attempt_number += 1
    job.not_before = None
    job.progress = {}
    attempt = Attempt.objects.create(
        organisation_id=job.organisation_id,
        job=job,
        number=job.attempt_number,
        state=AttemptState.STARTING,
        secret_hash=hashed(token_of(job.id, job.attempt_number)),
    )
    attempt.created_at = clock.now()  # its lease is counted from here
    attempt.save(update_fields=["created_at"])
    move(job, STARTING, f"Attempt {attempt.number} starts.")
    return attempt


def lose(attempt: Attempt, failure: Failure, state: AttemptState = AttemptState.LOST) -> None:
    """Ends an attempt that brought no result; the job goes on with another where that may help."""
    job = job_of(attempt)
    failure = outcomes.settled(failure)
    _close(attempt, state, failure)
    if job.cancel_requested_at:
        return _end(job, CANCELLED, "Cancelled.")
    if (last := _last_straw(job, failure)) is not None:
        return _fail(job, last)
    wait = _PATIENCE[min(_tries(job), len(_PATIENCE)) - 1]
    job.not_before = clock.now() + timedelta(seconds=wait)
    move(job, QUEUED, f"Attempt {attempt.number} ended: {failure.message} Another one follows.")
    return None


def expire(job: Job) -> None:
    """Ends a queued job, whose row is locked, that has used up its time in earlier attempts."""
    _fail(job, outcomes.settled(deadline.failure(job)))


# What the runner tells.


def job_of(attempt: Attempt) -> Job:
    """The attempt's job, locked. Raises StaleAttempt when the attempt is over."""
    job = Job.objects.select_for_update().get(id=attempt.job_id)
    attempt.refresh_from_db()
    if attempt.state not in OPEN or attempt.number != job.attempt_number:
        raise StaleAttempt(f"Attempt {attempt.number} is over.")
    return job


def begin(attempt: Attempt) -> Job:
    """The runner has fetched its assignment; doing so twice is harmless."""
    job = job_of(attempt)
    if attempt.state == AttemptState.RUNNING:
        return job
    now = clock.now()
    attempt.state, attempt.started_at, attempt.heartbeat_at = AttemptState.RUNNING, now, now
    attempt.save()
    job.started_at = job.started_at or now
    move(job, RUNNING, f"Attempt {attempt.number} runs.")
    return job


def fail(attempt: Attempt, failure: Failure) -> None:
    """What went wrong, as the runner tells it."""
    lose(attempt, failure, AttemptState.FAILED)


def must_stop(job: Job) -> bool:
    """Whether the runner is to stop now, with a last checkpoint."""
    return job.cancel_requested_at is not None or deadline.is_over(job)


def obey(attempt: Attempt) -> None:
    """The runner stopped because it was told to."""
    job = job_of(attempt)
    if not job.cancel_requested_at:
        # There are two reasons for the order, and without one the runner is not to be believed.
        over = deadline.is_over(job)
        return lose(attempt, deadline.failure(job) if over else _UNASKED, AttemptState.FAILED)
    _close(attempt, AttemptState.CANCELLED, None)
    return _end(job, CANCELLED, "Cancelled.")


def succeed(attempt: Attempt, result: dict[str, object], stored_bytes: int = 0) -> Job:
    """The caller registers what the job made, in the same transaction."""
    job = job_of(attempt)
    tokens = result.get("tokens", 0)
    used = {"tokens": tokens if isinstance(tokens, int) else 0, "stored_bytes": stored_bytes}
    _close(attempt, AttemptState.SUCCEEDED, None, **used)
    job.result = result
    _end(job, SUCCEEDED, "Succeeded.")
    return job


def dependants(job: Job) -> Iterable[Job]:
    """Unfinished jobs that wait for this one's model."""
    waiting = Job.objects.filter(inputs__source_job=job, state=WAITING)
    return waiting.only("id", "organisation_id").distinct()


def _locked(principal: Principal, job_id: UUID) -> Job:
    mine = Job.objects.select_for_update().filter(organisation=principal.organisation)
    job = mine.filter(id=job_id).first()
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job


def _close(attempt: Attempt, state: AttemptState, failure: Failure | None, **used: int) -> None:
    attempt.state, attempt.finished_at = state, clock.now()
    attempt.failure = failure.model_dump() if failure else None
    attempt.save()
    metering.meter(attempt, **used)
    metrics.attempt_ended(attempt)
    if state != AttemptState.SUCCEEDED:
        tasks.sweep_after(attempt)


def _fail(job: Job, failure: Failure) -> None:
    job.failure = failure.model_dump()
    _end(job, FAILED, f"Failed: {failure.message}")


def _end(job: Job, state: JobState, message: str) -> None:
    job.finished_at, job.not_before = clock.now(), None
    job.tidy_at = job.finished_at
    move(job, state, message)
    if state == SUCCEEDED:
        job.checkpoints.all().delete()
        tasks.sweep_checkpoints_after(job)
    for dependant in dependants(job):
        tasks.hint(dependant)
    tasks.hint_all()  # whose turn it is now
    events.job_ended(job)
    metrics.job_ended(job)


def _adopt(entry: JobInput, source: Job) -> bool:
    """Notes which model the other job made, which protects it from deletion."""
    try:
        entry.model_version = source.model_version
    except ObjectDoesNotExist:
        return False
    entry.save(update_fields=["model_version"])
    return True


def _refuse_lost_inputs(job: Job) -> None:
    for entry in job.inputs.filter(model_version=None, dataset=None).select_related("source_job"):
        source = entry.source_job
        if source is None or (source.state == SUCCEEDED and not _adopt(entry, source)):
            raise Conflict("An input of this job was deleted; submit a new job instead.")


def _last_straw(job: Job, failure: Failure) -> Failure | None:
    """Why the job ends with this failure of an attempt; None when another attempt is made."""
    outcome = outcomes.of(failure.code)
    if outcome.again == "never":
        return failure
    if outcome.again == "free":
        job.attempt_limit += 1
    if outcome.lost_worker and (times := _workers_lost(job)) >= outcomes.LOST_WORKERS:
        return outcomes.lost_workers(times, failure)
    return failure if job.attempt_number >= job.attempt_limit else None


def _workers_lost(job: Job) -> int:
    """Since the job was submitted or retried."""
    of_this_round = job.attempts.filter(number__gt=job.attempts_before)
    return of_this_round.filter(failure__code__in=outcomes.LOSES_WORKER).count()


def _tries(job: Job) -> int:
    """Attempts since the job was submitted or retried."""
    return job.attempt_number - job.attempts_before


def _ended(job: Job) -> str:
    return "failed" if job.state == FAILED else "was cancelled"


def _users_fault(code: str, message: str, remedy: str) -> Failure:
    return Failure(code=code, fault="user", message=message, remedy=remedy)
