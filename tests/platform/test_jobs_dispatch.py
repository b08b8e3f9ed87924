"""The dispatcher: what it launches, what it gives up, and that two of them do no harm."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.ids import new_id
from alloyworks.jobs import deadline, dispatch, lifecycle, orphans, pulse
from alloyworks.jobs.executors import Handle, NotLaunched
from alloyworks.jobs.models import Attempt, Job, JobState, Pulse
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job, now

LONG_AGO = timezone.now() - timedelta(days=1)
MINUTE = timedelta(minutes=1)
KILLED = Failure(code="runner_died", fault="platform", message="It was killed.")


class Machine:
    """An executor that remembers what it was told."""

    def __init__(self) -> None:
        self.slots = 1
        self.launched: list[int] = []
        self.ended: list[int] = []
        self.living: set[int] = set()
        self.breaks = False
        self.queues = False
        self.refuses: Failure | None = None
        self.strays: list[Attempt] = []

    @contextmanager
    def turn(self) -> Iterator[bool]:
        yield len(self.living) < self.slots

    def launch(self, attempt: Attempt) -> Handle:
        if self.breaks:
            raise ConnectionError("cut off")
        if self.refuses:
            raise NotLaunched(self.refuses)
        self.launched.append(attempt.number)
        self.living.add(attempt.number)
        return {"name": "it"}

    def alive(self, attempt: Attempt) -> bool:
        return attempt.number in self.living

    def why_gone(self, attempt: Attempt) -> Failure:
        return KILLED

    def runners(self) -> list[Attempt]:
        return self.strays

    def end(self, attempt: Attempt) -> None:
        self.ended.append(attempt.number)
        self.living.discard(attempt.number)


@pytest.fixture
def machine(database: None, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    for module in (dispatch, orphans):
        monkeypatch.setattr(module, "executor", lambda: found)
    we_were_here(since=LONG_AGO)
    return found


def we_were_here(since: datetime, at: datetime | None = None) -> None:
    """The signs of life that web and reconciler have left."""
    for name in (pulse.WEB, pulse.RECONCILER):
        values = {"at": at or timezone.now(), "since": since}
        Pulse.objects.update_or_create(name=name, defaults=values)


def look(job: Job) -> Job:
    dispatch.look_at(job.id, job.organisation_id)
    with scope(job.organisation_id):
        return now(job)


def made(principal: Principal, state: JobState = JobState.QUEUED) -> Job:
    with scope(principal.organisation.id):
        return new_job(principal, state=state)


def change(job: Job, **values: object) -> None:
    with scope(job.organisation_id):
        Attempt.objects.filter(job=job).update(**values)


def test_a_queued_job_is_launched_once(alice: Principal, machine: Machine) -> None:
    job = made(alice)

    assert look(job).state == "starting"
    assert look(job).state == "starting"
    assert machine.launched == [1]


def test_a_job_waits_while_there_is_no_room(alice: Principal, machine: Machine) -> None:
    machine.slots = 0

    assert look(made(alice)).state == "queued"


def test_a_job_waits_for_its_next_try(alice: Principal, machine: Machine) -> None:
    job = made(alice)
    with scope(job.organisation_id):
        Job.objects.filter(id=job.id).update(not_before=timezone.now() + timedelta(hours=1))

    assert look(job).state == "queued"


def test_a_launch_that_was_cut_off_is_repeated(alice: Principal, machine: Machine) -> None:
    job, machine.breaks = made(alice), True
    assert look(job).state == "starting"

    machine.breaks = False
    look(job)

    assert machine.launched == [1]


def test_a_dead_runner_costs_an_attempt(alice: Principal, machine: Machine) -> None:
    job = made(alice)
    look(job)
    machine.living.clear()

    job = look(job)

    assert (job.state, machine.ended) == ("queued", [1])
    with scope(alice.organisation.id):
        assert job.attempts.get().failure["code"] == "runner_died"


def test_an_attempt_that_can_not_be_launched_is_lost_with_the_reason(
    alice: Principal, machine: Machine
) -> None:
    machine.refuses = Failure(code="cluster_refused", fault="platform", message="It is too large.")
    job = look(made(alice))

    assert (job.state, job.attempt_number, machine.launched) == ("queued", 1, [])
    with scope(alice.organisation.id):
        assert job.attempts.get().failure["message"] == "It is too large."


def test_what_waits_for_a_machine_is_not_silent_before_it_has_one(
    alice: Principal, machine: Machine
) -> None:
    machine.queues = True
    job = made(alice)
    look(job)
    change(job, created_at=LONG_AGO)
    assert look(job).state == "starting"

    change(job, started_at=LONG_AGO, heartbeat_at=LONG_AGO)
    assert look(job).state == "queued"


def test_what_waits_for_a_machine_is_cancelled_at_once(alice: Principal, machine: Machine) -> None:
    machine.queues = True
    job = made(alice)
    look(job)
    with scope(alice.organisation.id):
        lifecycle.cancel(alice, job.id)

    assert (look(job).state, machine.ended) == ("cancelled", [1])


def test_a_silent_runner_is_given_up(alice: Principal, machine: Machine) -> None:
    job = made(alice)
    look(job)
    change(job, heartbeat_at=LONG_AGO)

    assert (look(job).state, machine.ended) == ("queued", [1])


def test_a_runner_that_was_never_heard_is_given_up(alice: Principal, machine: Machine) -> None:
    job = made(alice)
    look(job)
    change(job, created_at=LONG_AGO)

    assert (look(job).state, machine.ended) == ("queued", [1])


def test_a_runner_that_fell_silent_right_after_its_start_is_given_up(
    alice: Principal, machine: Machine
) -> None:
    job = made(alice)
    look(job)
    change(job, created_at=LONG_AGO, started_at=LONG_AGO, heartbeat_at=None)

    assert look(job).state == "queued"


@pytest.mark.parametrize("name", [pulse.WEB, pulse.RECONCILER])
def test_silence_does_not_count_while_somebody_of_us_is_away(
    alice: Principal, machine: Machine, name: str
) -> None:
    """As when the database, a process or the whole machine was asleep and has just come back."""
    job = made(alice)
    look(job)
    change(job, heartbeat_at=LONG_AGO)
    Pulse.objects.filter(name=name).update(at=timezone.now() - pulse.gap() - MINUTE)

    assert look(job).state == "starting"


def test_leases_begin_anew_when_we_come_back(alice: Principal, machine: Machine) -> None:
    job = made(alice)
    look(job)
    change(job, heartbeat_at=LONG_AGO)
    we_were_here(since=LONG_AGO, at=timezone.now() - timedelta(hours=1))

    dispatch.look_at_all()
    pulse.beat(pulse.WEB)
    assert look(job).state == "starting"

    lease = timedelta(seconds=config.lease_seconds)
    we_were_here(since=timezone.now() - lease - MINUTE)
    assert look(job).state == "queued"


def test_signs_of_life_in_time_leave_leases_alone(db: None) -> None:
    pulse.beat(pulse.WEB)
    Pulse.objects.update(since=LONG_AGO)

    pulse.beat(pulse.WEB)

    assert pulse.listening_since() == LONG_AGO


def test_a_job_is_ended_at_its_deadline_even_if_its_runner_does_not_listen(
    alice: Principal, machine: Machine
) -> None:
    job = made(alice)
    look(job)
    change(job, heartbeat_at=timezone.now())
    over = timezone.now() - timedelta(hours=2)
    for late, state in ((timedelta(0), "starting"), (deadline.GRACE + MINUTE, "failed")):
        with scope(alice.organisation.id):
            Job.objects.filter(id=job.id).update(max_hours=2.0, started_at=over - late)
        assert look(job).state == state

    assert machine.ended == [1]
    with scope(alice.organisation.id):
        assert now(job).failure["code"] == "deadline"


def test_the_time_between_attempts_counts_for_the_deadline(
    alice: Principal, machine: Machine
) -> None:
    job = made(alice)
    with scope(alice.organisation.id):
        begun = timezone.now() - timedelta(hours=2)
        Job.objects.filter(id=job.id).update(max_hours=1.0, started_at=begun)

    assert (look(job).state, machine.launched) == ("failed", [])


def test_a_runner_without_a_job_is_ended(alice: Principal, machine: Machine) -> None:
    job = made(alice)
    look(job)
    machine.strays = [Attempt(organisation_id=job.organisation_id, job_id=job.id, number=1)]
    dispatch.look_at_all()
    assert machine.ended == []

    with scope(job.organisation_id):
        lifecycle.lose(job.attempts.get(), KILLED)
    dispatch.look_at_all()
    assert machine.ended == []  # it may be cleaning up

    change(job, finished_at=LONG_AGO)
    dispatch.look_at_all()
    assert machine.ended == [1]


def test_a_runner_whose_job_is_gone_is_ended(alice: Principal, machine: Machine) -> None:
    stray = Attempt(organisation_id=alice.organisation.id, job_id=new_id(), number=7)
    machine.strays = [stray]

    dispatch.look_at_all()

    assert machine.ended == [7]


def test_a_runner_that_does_not_obey_is_ended_and_the_job_cancelled(
    alice: Principal, machine: Machine
) -> None:
    job = made(alice)
    look(job)
    with scope(alice.organisation.id):
        lifecycle.cancel(alice, job.id)
        Job.objects.filter(id=job.id).update(cancel_requested_at=LONG_AGO)
    change(job, heartbeat_at=timezone.now())

    assert (look(job).state, machine.ended) == ("cancelled", [1])


def test_a_finished_job_is_left_alone(alice: Principal, machine: Machine) -> None:
    assert look(made(alice, JobState.CANCELLED)).state == "cancelled"


def test_the_round_sees_every_organisation_and_survives_one_bad_job(
    alice: Principal, charlie: Principal, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = made(alice), made(charlie)
    looked, real = [], dispatch._claimed

    def claimed(job_id: UUID) -> Job | None:
        looked.append(job_id)
        if job_id == bad.id:
            raise RuntimeError("broken")
        return real(job_id)

    monkeypatch.setattr(dispatch, "_claimed", claimed)
    dispatch.look_at_all()

    assert looked == [bad.id, good.id]
    with scope(charlie.organisation.id):
        assert now(good).state == "starting"


def test_a_round_takes_no_longer_when_many_wait_for_a_slot(
    alice: Principal, machine: Machine, django_assert_num_queries: Any
) -> None:
    machine.slots = 0
    made(alice)
    with CaptureQueriesContext(connection) as few:
        dispatch.look_at_all()
    for _ in range(20):
        made(alice)

    with django_assert_num_queries(len(few)):
        dispatch.look_at_all()


def test_of_many_dispatchers_one_launches(
    committed_db: None, alice: Principal, machine: Machine
) -> None:
    machine.slots = 99
    job = made(alice)

    def one_look(_: int) -> None:
        try:
            dispatch.look_at(job.id, job.organisation_id)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one_look, range(32)))

    assert set(machine.launched) == {1}
    with scope(job.organisation_id):
        assert now(job).attempt_number == 1
