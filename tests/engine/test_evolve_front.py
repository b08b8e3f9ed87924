"""Several objectives."""

import itertools
import random

import pytest

from alloyengine.evolve.front import dominates, front_of, hypervolume, improvements


def test_one_dominates_another_where_it_is_nowhere_worse():
    assert dominates((1, 2), (1, 1))
    assert not dominates((1, 2), (2, 1))
    assert not dominates((1, 1), (1, 1))


def test_the_front_is_what_none_dominates():
    assert front_of([(1, 5), (3, 3), (2, 2), (5, 1), (3, 3)]) == [0, 1, 3]


def test_a_volume_of_boxes():
    assert hypervolume([(2.0, 3.0)]) == 6
    assert hypervolume([(1.0, 3.0), (2.0, 1.0)]) == 4
    assert hypervolume([(1.0, 1.0, 1.0), (2.0, 1.0, 0.5)]) == 1.5


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_the_volume_is_that_of_counted_cells(objectives: int):
    order = random.Random(objectives)
    points = [tuple(float(order.randint(0, 4)) for _ in range(objectives)) for _ in range(6)]
    cells = itertools.product(range(4), repeat=objectives)
    counted = sum(
        any(all(cell[i] < point[i] for i in range(objectives)) for point in points)
        for cell in cells
    )
    assert hypervolume(points) == counted


def test_what_adds_more_to_the_front_is_better():
    known = [(0.0, 1.0), (1.0, 0.0)]
    corner, between, inside, behind = improvements(
        [(1.0, 1.0), (0.6, 0.6), (0.5, -0.5), (-1.0, -1.0)], known
    )
    assert corner > between > 0 > inside > behind


def test_a_point_that_is_known_adds_nothing():
    assert improvements([(1.0, 1.0)], [(1.0, 1.0), (0.0, 0.0)]) == [0]


def test_the_first_points_have_no_front_before_them():
    better, worse = improvements([(1.0, 1.0), (0.5, 0.2)], [])
    assert better > worse > 0
