"""Fair shares of the slots: what the database says, held against the rule in its simplest words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alloyworks.accounts import signup
from alloyworks.accounts.principal import Principal
from alloyworks.jobs import turn
from alloyworks.jobs.models import Job, JobState
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job
from tests.platform.conftest import PASSWORD

Owner = int  # which of the three
Asked = list[tuple[Owner, int]]  # whose job, and its priority, in the order of submission


@pytest.fixture
def owners(alice: Principal, charlie: Principal) -> list[Principal]:
    eve = signup.register("Initech", "eve@initech.example", PASSWORD, "Eve")
    return [alice, charlie, eve]


@pytest.mark.parametrize(
    ("asked", "running", "order"),
    [
        pytest.param([0, 0, 0, 0, 1], [], [0, 1, 0, 0, 0], id="a long queue holds up no short one"),
        pytest.param([0, 0, 1, 1], [0, 0], [1, 1, 0, 0], id="who runs nothing goes first"),
        pytest.param([1, 0, 2], [], [1, 0, 2], id="among equals the longest wait counts"),
    ],
)
def test_slots_are_given_out_in_turn(
    owners: list[Principal], asked: list[Owner], running: list[Owner], order: list[Owner]
) -> None:
    submit(owners, [(owner, 0) for owner in asked], running)

    assert [owner for owner, _ in told(owners)] == order


def test_priority_counts_inside_an_organisation_alone(owners: list[Principal]) -> None:
    first, second, urgent = submit(owners, [(0, 0), (1, 0), (1, 9)])

    assert [job for _, job in told(owners)] == [first, urgent, second]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(-2, 2)), max_size=12),
    st.lists(st.integers(0, 2), max_size=4),
)
def test_the_order_is_that_of_giving_out_one_slot_after_the_other(
    owners: list[Principal], asked: Asked, running: list[Owner]
) -> None:
    for owner in owners:
        with scope(owner.organisation.id):
            Job.objects.all().delete()
    jobs = submit(owners, asked, running)
    waiting = [(owner, -rank, job) for (owner, rank), job in zip(asked, jobs, strict=True)]
    order = told(owners)

    assert order == list(one_after_the_other(waiting, Counter(running)))
    for place, (whose, job) in enumerate(order, 1):
        found = turn.place_of(turn.Waiting(job, owners[whose].organisation.id))
        assert found == turn.Place(place, running.count(whose), len(running))


def test_a_job_that_is_not_queued_has_no_place(owners: list[Principal]) -> None:
    submit(owners, [], [0])

    assert turn.place_of(turn.Waiting(UUID(int=1), owners[0].organisation.id)).place is None


def submit(owners: list[Principal], asked: Asked, running: Sequence[Owner] = ()) -> list[UUID]:
    """Ids of the jobs that wait."""
    for owner in running:
        with scope(owners[owner].organisation.id):
            new_job(owners[owner], state=JobState.RUNNING)
    jobs = []
    for owner, priority in asked:
        with scope(owners[owner].organisation.id):
            jobs.append(new_job(owners[owner], priority=priority).id)
    return jobs


def told(owners: list[Principal]) -> list[tuple[Owner, UUID]]:
    number = {owner.organisation.id: index for index, owner in enumerate(owners)}
    return [(number[one.organisation], one.job) for one in turn.in_turn()]


def one_after_the_other(
    waiting: list[tuple[Owner, int, UUID]], has: Counter[Owner]
) -> Iterator[tuple[Owner, UUID]]:
    """Next is who has fewest; among equals, whose next job is the oldest."""
    left = sorted(waiting)
    while left:
        heads = {owner: job for owner, _, job in reversed(left)}
        owner = min(heads, key=lambda owner: (has[owner], heads[owner]))
        has[owner] += 1
        left.remove(next(one for one in left if one[0] == owner))
        yield owner, heads[owner]
