"""Bounds that candidates are given up by."""

import random
from math import comb

import pytest

from alloyengine.evolve.race import Tally, most_right, serfling


def rarity(right: int, asked: int, good: int, total: int) -> float:
    """By its definition, term by term."""
    terms = (
        comb(good, hits) * comb(total - good, asked - hits)
        for hits in range(right + 1)
        if hits <= good and asked - hits <= total - good
    )
    return sum(terms) / comb(total, asked)


@pytest.mark.parametrize("right", [0, 3, 10])
def test_the_bound_is_the_last_that_is_not_too_rare(right: int):
    found = most_right(right, 10, 50, 0.05)
    assert rarity(right, 10, found, 50) >= 0.05
    assert found == 50 - (10 - right) or rarity(right, 10, found + 1, 50) < 0.05


def test_what_is_certain_bounds_it_too():
    assert most_right(0, 49, 50, 1e-9) == 1
    assert Tally(0.0, 40, 50, yes_or_no=False).highest(1e-9) == pytest.approx(0.2)


def test_nothing_asked_may_be_anything_and_all_asked_is_known():
    assert Tally(0.0, 0, 50).highest(0.05) == 1
    assert Tally(30.0, 50, 50).highest(0.05) == 0.6


@pytest.mark.parametrize("yes_or_no", [True, False])
def test_the_bound_is_wrong_no_more_often_than_it_may(yes_or_no: bool):
    """A fifth of a set is drawn 2000 times; how often is the whole better than its bound?"""
    order, total, asked, doubt = random.Random(1), 60, 12, 0.05
    values = [float(n < 40) if yes_or_no else order.random() for n in range(total)]
    mean = sum(values) / total
    wrong = sum(
        Tally(sum(order.sample(values, asked)), asked, total, yes_or_no).highest(doubt)
        < mean - 1e-12
        for _ in range(2000)
    )
    assert wrong / 2000 <= doubt * 1.3


def test_a_bad_candidate_is_known_early():
    assert Tally(2.0, 12, 60).highest(0.025) < 0.6
    assert Tally(11.0, 12, 60).highest(0.025) > 0.95


def test_the_inequality_ends_at_nothing():
    assert serfling(60, 60, 0.05) == 0
    assert serfling(10, 60, 0.05) > serfling(40, 60, 0.05) > 0
