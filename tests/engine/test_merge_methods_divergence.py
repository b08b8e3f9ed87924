"""Arcee fusion: divergences against float64, thresholds, and what is taken."""

import numpy as np
import pytest
import torch

from alloyengine.merge.methods.arcee_fusion import measure
from tests.engine.merging import Memory, combine, make_settings


def models(size: float, shape: tuple[int, int] = (6, 3000), level: float = 0.0):
    random = np.random.default_rng(0)
    base = np.float32(random.standard_normal(shape) + level)
    return [base, np.float32(base + size * random.standard_normal(shape))]


def measured(arrays, rows: int = 1 << 30, xp=np):
    settings = make_settings("arcee_fusion", 2, None, True, 0, {})
    return measure(Memory(arrays, rows, xp), settings)


def exact_divergence(arrays) -> np.ndarray:
    logs = []
    for array in arrays[::-1]:
        shifted = array.astype(np.float64) - array.max(axis=1, keepdims=True)
        logs.append(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
    return (np.exp(logs[0]) * (logs[0] - logs[1])).sum(axis=1)


@pytest.mark.parametrize("xp", [np, torch])
@pytest.mark.parametrize("level", [0, 100, -200])
@pytest.mark.parametrize("size", [0.001, 0.02, 0.3, 2, 20, 200])
def test_divergences_are_exact_to_six_digits(size: float, level: float, xp):
    arrays = models(size, level=level)
    found = measured(arrays, rows=4, xp=xp).divergence
    np.testing.assert_allclose(found, exact_divergence(arrays), rtol=2e-6)


def test_a_change_hardly_there_has_a_divergence():
    """The variance of the change over 2, which float32 could not tell from 0 by the definition."""
    base, other = models(1e-4)
    change, chances = (other - base).astype(float), np.exp(other.astype(float))
    chances /= chances.sum(axis=1, keepdims=True)
    mean = (chances * change).sum(axis=1, keepdims=True)
    expected = (chances * (change - mean) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(measured([base, other]).divergence, expected, rtol=1e-3)


def test_the_threshold_is_that_of_all_entries_of_a_tensor_that_is_not_large():
    arrays = models(0.01, (50, 200))
    found = measured(arrays, rows=7)
    scores = np.sort((np.abs(arrays[1] - arrays[0]) * found.divergence[:, None]).reshape(-1))
    first, median, third = (scores[int(q * (scores.size - 1))] for q in (0.25, 0.5, 0.75))
    assert found.threshold == pytest.approx(median + 1.5 * (third - first), rel=1e-6)


def test_a_large_tensor_is_sampled_in_all_its_rows():
    """Changes grow with the row: a sample of some rows would mislead."""
    base, other = models(0.01, (1100, 1024))
    other = np.float32(base + (other - base) * np.linspace(0.1, 3, 1100)[:, None])
    found = measured([base, other], rows=64)
    scores = np.sort((np.abs(other - base) * found.divergence[:, None]).reshape(-1))
    first, median, third = (scores[int(q * (scores.size - 1))] for q in (0.25, 0.5, 0.75))
    assert found.threshold == pytest.approx(median + 1.5 * (third - first), rel=0.02)


def test_what_is_taken_is_taken_whole():
    base, other = models(0.01, (20, 300))
    found = combine("arcee_fusion", [base, other])
    taken = found != base
    np.testing.assert_allclose(found[taken], other[taken], rtol=1e-6)
    assert 0 < taken.mean() < 0.25


def test_rows_of_one_entry_have_no_divergence_and_are_taken():
    base, other = models(0.01, (50, 1))
    assert not measured([base, other]).divergence.any()
    np.testing.assert_allclose(combine("arcee_fusion", [base, other]), other, rtol=1e-6)
