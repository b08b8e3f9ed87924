"""Slots are shared evenly between organisations, and none runs more than it may."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.errors import Invalid
from alloyworks.jobs import dispatch, orphans, submission
from alloyworks.jobs.executors import Handle
from alloyworks.jobs.models import Attempt, Job
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job
from tests.platform.world import World


class Machine:
    """An executor with so many slots; what it launches runs for ever."""

    queues = False

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.launched: list[Attempt] = []

    @contextmanager
    def turn(self) -> Iterator[bool]:
        yield len(self.launched) < self.slots

    def launch(self, attempt: Attempt) -> Handle:
        self.launched.append(attempt)
        return {"name": "it"}

    def alive(self, attempt: Attempt) -> bool:
        return True

    def runners(self) -> list[Attempt]:
        return []

    def end(self, attempt: Attempt) -> None:
        raise AssertionError("nothing ends here")

    @property
    def owners(self) -> list[UUID]:
        return [attempt.organisation_id for attempt in self.launched]


@pytest.fixture
def machine(database: None, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(slots=4)
    for module in (dispatch, orphans):
        monkeypatch.setattr(module, "executor", lambda: found)
    return found


def submitted(principal: Principal, count: int, **values: int) -> list[Job]:
    with scope(principal.organisation.id):
        return [new_job(principal, **values) for _ in range(count)]


def test_who_asks_for_much_leaves_room_for_others(
    alice: Principal, charlie: Principal, machine: Machine
) -> None:
    submitted(alice, 20)
    submitted(charlie, 1)
    dispatch.look_at_all()

    assert machine.owners.count(charlie.organisation.id) == 1
    assert len(machine.owners) == machine.slots


def test_a_hint_about_one_job_does_not_put_it_before_others(
    alice: Principal, charlie: Principal, machine: Machine
) -> None:
    submitted(alice, 3)
    dispatch.look_at_all()  # three run
    submitted(charlie, 1)
    (late,) = submitted(alice, 1)
    dispatch.look_at(late.id, late.organisation_id)

    assert machine.owners[3] == charlie.organisation.id


def test_priority_goes_first_among_ones_own(alice: Principal, machine: Machine) -> None:
    machine.slots = 1
    submitted(alice, 2)
    (urgent,) = submitted(alice, 1, priority=5)
    dispatch.look_at_all()

    assert [attempt.job_id for attempt in machine.launched] == [urgent.id]


def test_no_organisation_runs_more_than_it_may(
    alice: Principal, charlie: Principal, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "limit_running_jobs", 1)
    submitted(alice, 5)
    submitted(charlie, 5)
    for _ in range(3):
        dispatch.look_at_all()

    assert sorted(machine.owners) == sorted([alice.organisation.id, charlie.organisation.id])


def test_a_priority_has_bounds(world: World) -> None:
    with world.scope(), pytest.raises(Invalid, match="11 is no priority"):
        submission.submit(world.owner, world.train(), priority=11)
