"""Makes the world match the rows: launches what is queued, notices what has died.

Several dispatchers may look at once. Each step claims the job's row (SKIP LOCKED) and begins with
the state it finds there; an attempt is opened in one transaction, launched after it, and launched
again by a later look if that was cut off.
"""

import logging
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

from django.db import connection

from alloyengine.spec.protocol import Failure
from alloyworks.config import config
from alloyworks.jobs import clock, deadline, lifecycle, pulse, turn
from alloyworks.jobs.executors import NotLaunched, executor
from alloyworks.jobs.models import Attempt, Job
from alloyworks.jobs.orphans import end_orphans
from alloyworks.jobs.states import FINISHED, QUEUED, RUNNING, STARTING, WAITING
from alloyworks.observability.logs import tells_ids
from alloyworks.tenancy import scope
from alloyworks.usage import limits

_logger = logging.getLogger(__name__)


def look_at_all() -> None:
    """Every job that may need it, of every organisation, the oldest first; then whoever waits for a
    slot; then runners without a job.
    """
    beaten = float("-inf")
    for job_id, organisation_id in to_look_at():
        if monotonic() - beaten > pulse.PERIOD:
            pulse.beat(pulse.RECONCILER)
            beaten = monotonic()
        try:
            _step(job_id, organisation_id)
        except Exception:
            # One job's trouble must not keep the others from running; the next round tries again.
            _logger.exception("The look at job %s failed", job_id)
    launch_in_turn()
    pulse.beat(pulse.RECONCILER)
    end_orphans()


def to_look_at() -> list[tuple[UUID, UUID]]:
    """Jobs with their organisations: all that are unfinished, but for those that only wait for a slot."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT job_id, organisation_id FROM alloy_jobs_to_look_at()")
        return list(cursor.fetchall())


def look_at(job_id: UUID, organisation_id: UUID) -> None:
    """One step forward, if one is due."""
    if _step(job_id, organisation_id):
        launch_in_turn()


@tells_ids
def _step(job_id: UUID, organisation_id: UUID) -> bool:
    """Whether the job could now be launched."""
    with scope(organisation_id):
        job = _claimed(job_id)
        if job is None:
            return False
        if job.state == WAITING:
            lifecycle.settle(job)
        elif job.state == QUEUED and deadline.is_over(job):
            lifecycle.expire(job)
        state, due = job.state, _is_due(job)
    if state in (STARTING, RUNNING):
        _check(job_id, organisation_id)
    return state == QUEUED and due


def _claimed(job_id: UUID) -> Job | None:
    """The unfinished job, locked; None while somebody else is at it."""
    free = Job.objects.select_for_update(skip_locked=True, of=("self",))
    return free.filter(id=job_id).exclude(state__in=FINISHED).first()


def _is_due(job: Job) -> bool:
    return job.not_before is None or job.not_before <= clock.now()


def launch_in_turn() -> None:
    """Gives out the free slots, by whose turn it is and not by who was looked at."""
    with executor().turn() as free:
        if not free:
            return  # without asking for the queue, which may be long
    full: set[UUID] = set()  # organisations that run as many jobs as they may
    for waiting in turn.in_turn():
        if waiting.organisation in full:
            continue
        with executor().turn() as free:
            if not free:
                return
            try:
                _give_slot(waiting, full)
            except Exception:
                # As in look_at_all: the next in the queue must not suffer.
                _logger.exception("Job %s could not be launched", waiting.job)


def _give_slot(waiting: turn.Waiting, full: set[UUID]) -> None:
    with scope(waiting.organisation):
        job = _claimed(waiting.job)
        if job is None or job.state != QUEUED or not _is_due(job):
            return
        if not limits.may_start(waiting.organisation):
            full.add(waiting.organisation)
            return
        attempt = lifecycle.open_attempt(job)
    _launch(attempt)


def _launch(attempt: Attempt) -> None:
    try:
        handle = executor().launch(attempt)
    except NotLaunched as refused:
        with scope(attempt.organisation_id):
            lifecycle.lose(attempt, refused.failure)
        return
    with scope(attempt.organisation_id):
        Attempt.objects.filter(id=attempt.id).update(handle=handle)


def _check(job_id: UUID, organisation_id: UUID) -> None:
    """Of a started job: is its runner there, does it speak, does it obey?"""
    with scope(organisation_id):
        attempt = _current(_claimed(job_id))
    if attempt is None:
        return
    if not attempt.handle:
        _launch(attempt)
        return
    # Whoever asks a machine or a cluster keeps nobody waiting for the row meanwhile.
    gone = None if executor().alive(attempt) else executor().why_gone(attempt)
    with scope(organisation_id):
        job = _claimed(job_id)
        now = _current(job)
        if job is None or now is None or now.id != attempt.id:
            return
        failure = gone or _death(job, now)
        if failure:
            lifecycle.lose(now, failure)
    if failure:
        executor().end(attempt)


def _current(job: Job | None) -> Attempt | None:
    """The attempt of a started job."""
    if job is None or job.state not in (STARTING, RUNNING):
        return None
    return job.attempts.get(number=job.attempt_number)


def _death(job: Job, attempt: Attempt) -> Failure | None:
    """Why an attempt whose runner is there must be given up; None when it need not be."""
    # Only silence while somebody listened counts, and of one that can speak.
    listening = pulse.listening_since()
    waits = executor().queues and attempt.started_at is None
    heard = attempt.heartbeat_at or attempt.started_at or attempt.created_at
    if not waits and _is_long_ago(max(heard, listening)):
        return _lost(
            "runner_silent", f"The runner was silent for more than {config.lease_seconds} seconds."
        )
    ordered = job.cancel_requested_at  # which nobody hears who has no machine
    if ordered and (waits or _is_long_ago(max(ordered, listening))):
        return _lost("disobedient", "The runner did not stop when it was told to.")
    return deadline.failure(job) if deadline.is_over(job, deadline.GRACE) else None


def _is_long_ago(moment: datetime) -> bool:
    return clock.now() - moment > timedelta(seconds=config.lease_seconds)


def _lost(code: str, message: str) -> Failure:
    return Failure(code=code, fault="platform", message=message)
