"""CMA-ES in a box."""

import pytest

from alloyengine.evolve.strategy import Strategy, ranked


def descended(start: list[float], goal: list[float], generations: int, seed: int = 1) -> float:
    """The distance of the best point that was asked for."""
    strategy, best = Strategy(start, 1 / 6, seed), float("inf")
    for _ in range(generations):
        losses = [
            sum((x - g) ** 2 for x, g in zip(point, goal, strict=True)) for point in strategy.ask()
        ]
        best = min(best, *losses)
        strategy.tell(ranked([-loss for loss in losses]))
    return float(best**0.5)


@pytest.mark.parametrize("goal", [[0.2, 0.7, 0.4], [0.0, 1.0, 0.5]], ids=["inside", "at an edge"])
def test_it_finds_the_best_point(goal: list[float]):
    assert descended([0.5, 0.5, 0.5], goal, 40) < 0.01


def test_it_begins_well_at_an_edge():
    assert descended([1.0, 0.0], [0.6, 0.4], 40) < 0.01


def test_one_dimension_is_enough():
    assert descended([0.9], [0.123], 30) < 0.01


def test_every_point_is_in_the_box():
    strategy = Strategy([0.95, 0.5], 1.0, 3)
    for _ in range(20):
        points = strategy.ask()
        assert all(0 <= x <= 1 for point in points for x in point)
        strategy.tell([float(n) for n in range(len(points))])


def test_the_same_seed_asks_the_same():
    one, two = Strategy([0.5] * 4, 0.2, 7), Strategy([0.5] * 4, 0.2, 7)
    for _ in range(10):
        first = one.ask()
        assert first == two.ask()
        order = ranked([sum(point) for point in first])
        one.tell(order)
        two.tell(order)
    assert Strategy([0.5] * 4, 0.2, 8).ask() != Strategy([0.5] * 4, 0.2, 7).ask()


def test_the_random_numbers_of_others_are_left_alone():
    import numpy as np

    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    Strategy([0.5, 0.5], 0.2, 1).ask()
    assert np.random.random() == expected


def test_equal_values_share_a_place_and_none_is_last():
    assert ranked([0.5, None, 0.9, 0.5]) == [1.0, 2.0, 0.0, 1.0]


def test_it_tells_when_nothing_is_left_to_search():
    strategy = Strategy([0.5, 0.5], 0.2, 1)
    assert not strategy.narrow
    for _ in range(200):
        points = strategy.ask()
        strategy.tell(ranked([-abs(x - 0.5) - abs(y - 0.5) for x, y in points]))
        if strategy.narrow:
            return
    raise AssertionError(f"it is still {strategy.spread} wide")
