"""The dispatcher: what it launches, what it gives up, and that two of them do no harm."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from alloyworks.accounts.principal import Principal
from alloyworks.jobs import dispatch, lifecycle
from alloyworks.jobs.executors import Handle
from alloyworks.jobs.models import Attempt, Job, JobState
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job, now

LONG_AGO = timezone.now() - timedelta(days=1)


class Machine:
    """An executor that remembers what it was told."""

    def __init__(self) -> None:
        self.slots = 1
        self.launched: list[int] = []
        self.ended: list[int] = []
        self.living: set[int] = set()
        self.breaks = False

    @contextmanager
    def turn(self) -> Iterator[bool]:
        yield len(self.living) < self.slots

    def launch(self, attempt: Attempt) -> Handle:
        if self.breaks:
            raise ConnectionError("cut off")
        self.launched.append(attempt.number)
        self.living.add(attempt.number)
        return {"name": "it"}

    def alive(self, attempt: Attempt) -> bool:
        return attempt.number in self.living

    def end(self, attempt: Attempt) -> None:
        self.ended.append(attempt.number)
        self.living.discard(attempt.number)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(dispatch, "executor", lambda: found)
    monkeypatch.setattr(dispatch, "_BOOTED", LONG_AGO)
    return found


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
    with pytest.raises(ConnectionError):
        look(job)

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


def test_a_silent_runner_is_given_up(alice: Principal, machine: Machine) -> None:
    job = made(alice)
    look(job)
    change(job, heartbeat_at=LONG_AGO)

    assert (look(job).state, machine.ended) == ("queued", [1])


def test_silence_does_not_count_while_nobody_listened(
    alice: Principal, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = made(alice)
    look(job)
    change(job, heartbeat_at=LONG_AGO)
    monkeypatch.setattr(dispatch, "_BOOTED", timezone.now())

    assert look(job).state == "starting"


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
    looked, real = [], dispatch.look_at

    def look_at(job_id: object, organisation_id: object) -> None:
        looked.append(job_id)
        if job_id == bad.id:
            raise RuntimeError("broken")
        real(job_id, organisation_id)  # type: ignore[arg-type]

    monkeypatch.setattr(dispatch, "look_at", look_at)
    dispatch.look_at_all()

    assert looked == [bad.id, good.id]
    with scope(charlie.organisation.id):
        assert now(good).state == "starting"


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
