"""Fair shares of the slots, as a rule on lists."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from alloyworks.jobs.turn import Waiting, in_turn

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def queue(*owners: UUID, priorities: tuple[int, ...] = ()) -> list[Waiting]:
    """Jobs in the order in which they were submitted."""
    ranks = priorities or (0,) * len(owners)
    return [
        Waiting(UUID(int=100 + number), owner, rank)
        for number, (owner, rank) in enumerate(zip(owners, ranks, strict=True))
    ]


def owners(queued: list[Waiting], **running: int) -> str:
    names = {A: "A", B: "B", C: "C"}
    counted = Counter({owner: running[name] for owner, name in names.items() if name in running})
    return "".join(names[one.organisation] for one in in_turn(queued, counted))


def test_a_long_queue_does_not_hold_up_a_short_one() -> None:
    assert owners(queue(*[A] * 1000, B))[:3] == "ABA"


def test_who_runs_nothing_comes_before_who_runs_much() -> None:
    assert owners(queue(A, A, B, B), A=2) == "BBAA"


def test_among_equals_the_longest_wait_counts() -> None:
    assert owners(queue(B, A, C)) == "BAC"


def test_priority_counts_inside_an_organisation_alone() -> None:
    queued = queue(A, B, B, priorities=(0, 0, 9))
    order = list(in_turn(queued, Counter()))

    assert [queued.index(one) for one in order] == [0, 2, 1]


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(-3, 3)), max_size=40))
def test_everybody_gets_a_turn_and_nobody_two_more_than_another(
    asked: list[tuple[UUID, int]],
) -> None:
    queued = [Waiting(UUID(int=100 + n), owner, rank) for n, (owner, rank) in enumerate(asked)]
    order = list(in_turn(queued, Counter()))
    assert sorted(order, key=lambda one: one.job) == queued
    given_out: Counter[UUID] = Counter()
    left = Counter(one.organisation for one in queued)
    for one in order:
        given_out[one.organisation] += 1
        left[one.organisation] -= 1
        waiting = [owner for owner in left if left[owner]]
        assert all(given_out[one.organisation] <= given_out[owner] + 1 for owner in waiting)
