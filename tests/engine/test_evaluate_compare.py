"""When a difference between two models is no chance."""

import subprocess
import sys
from random import Random

import pytest

from alloyengine.spec.significance import compare


def draws(count: int, share: float, seed: int) -> list[float]:
    random = Random(seed)
    return [float(random.random() < share) for _ in range(count)]


def test_a_large_difference_is_sure_and_signed():
    worse, better = draws(200, 0.4, 1), draws(200, 0.8, 2)
    found = compare(worse, better)
    assert found.value == pytest.approx((sum(better) - sum(worse)) / 200)
    assert found.verdict == "better" and not found.regressed and found.p < 0.01
    assert 0 < found.low < found.value < found.high
    assert compare(better, worse).regressed


def test_less_is_better_where_the_metric_says_so():
    few, many = [1.0] * 30, [2.0 + n / 100 for n in range(30)]
    assert compare(few, many, lower_is_better=True).verdict == "worse"
    assert compare(many, few, lower_is_better=True).verdict == "better"


def test_a_handful_of_examples_proves_nothing():
    assert compare([0.0] * 4, [1.0] * 4).verdict == "unclear"
    assert compare([0.0] * 40, [1.0] * 40).verdict == "better"


def test_equal_results_are_the_same():
    found = compare([1.0, 0.0], [1.0, 0.0])
    assert (found.verdict, found.p, found.low, found.high) == ("same", 1.0, 0.0, 0.0)


def test_equal_models_are_seldom_called_different():
    """5% of the time by design; 100 pairs of samples of one distribution."""
    sure = [
        compare(draws(80, 0.5, 2 * n), draws(80, 0.5, 2 * n + 1), draws=400).verdict != "unclear"
        for n in range(100)
    ]
    assert sum(sure) <= 12


def test_pairs_are_told_from_two_samples():
    """All hard examples are hard for both: only the pairing shows that one is always a bit better."""
    before = draws(300, 0.5, 5)
    after = [value + 0.02 + 0.001 * (n % 3) for n, value in enumerate(before)]
    found = compare(before, after)
    assert found.verdict == "better"
    assert found.high - found.low < 0.001


def test_weights_make_a_mean_a_token():
    losses, tokens = [10.0, 90.0], [10, 30]
    found = compare(losses, [20.0, 60.0], weights=tokens, lower_is_better=True)
    assert found.value == pytest.approx((80 - 100) / 40)


def test_the_same_seed_gives_the_same_answer():
    a, b = draws(50, 0.5, 1), draws(50, 0.7, 2)
    assert compare(a, b, seed=3) == compare(a, b, seed=3)


@pytest.mark.parametrize(
    ("first", "second", "weights"), [([1.0], [], None), ([], [], None), ([1.0], [2.0], [0.0])]
)
def test_what_can_not_be_paired_is_refused(first, second, weights):
    with pytest.raises(ValueError, match=r"paired|nothing"):
        compare(first, second, weights=weights)


def test_the_platform_can_compare_without_the_engine():
    heavy = "{'torch', 'numpy'} & sys.modules.keys()"
    code = f"import sys, alloyengine.spec.significance; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
