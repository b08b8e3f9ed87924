"""The k-th largest by selection: exactly k, also where many are equal, in blocks of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alloyengine.merge.selection import Share, cuts
from tests.engine.merging import Memory


def kept(scores: np.ndarray, count: int | Share, rows: int, sample: int = 1 << 30) -> np.ndarray:
    class Thin(Memory):
        def sample(self, look):  # type: ignore[no-untyped-def]
            return [look(next(iter(self.blocks())))][:sample]

    memory = Thin([scores], rows)
    (cut,) = cuts(memory, lambda block: list(block.arrays), [count])
    return np.concatenate(memory.each(lambda block: cut.largest(block.arrays[0], block.row, np)))


def expected(scores: np.ndarray, count: int) -> np.ndarray:
    """By a stable sort: of equal scores the first go first."""
    mask = np.zeros(scores.size, bool)
    mask[np.argsort(-scores.reshape(-1), kind="stable")[:count]] = True
    return mask.reshape(scores.shape)


@given(
    values=st.lists(st.integers(0, 4), min_size=12, max_size=12),
    count=st.integers(0, 12),
    rows=st.integers(1, 5),
)
@settings(max_examples=200, deadline=None)
def test_exactly_so_many_are_kept(values: list[int], count: int, rows: int):
    scores = np.float32(values).reshape(4, 3)
    assert np.array_equal(kept(scores, count, rows), expected(scores, count))


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_large_tensor_of_16_bit_numbers(share: float):
    scores = np.abs(np.random.default_rng(0).standard_normal((500, 400)))
    scores = np.float32(np.float16(scores * 20) / 20)
    count = int(scores.size * share)
    assert np.array_equal(kept(scores, count, 37), expected(scores, count))


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_sample_that_misleads_costs_time_but_no_correctness(share: float):
    """The first rows, of which the sample is taken, are far smaller than the rest."""
    scores = np.abs(np.float32(np.random.default_rng(0).standard_normal((300, 300))))
    scores *= np.linspace(0.001, 5, 300, dtype=np.float32)[:, None]
    count = int(scores.size * share)
    assert np.array_equal(kept(scores, count, 20), expected(scores, count))


@given(
    values=st.lists(st.integers(0, 3), min_size=12, max_size=12),
    share=st.floats(0.01, 0.99),
    rows=st.integers(1, 5),
)
@settings(max_examples=200, deadline=None)
def test_a_share_is_one_of_what_is_not_0(values: list[int], share: float, rows: int):
    scores = np.float32(values).reshape(4, 3)
    count = int(np.count_nonzero(scores) * share)
    assert np.array_equal(kept(scores, Share(share), rows), expected(scores, count))


@pytest.mark.parametrize("zeros", [0.0, 0.3, 0.97, 1.0])
def test_a_share_of_a_large_tensor_is_exact(zeros: float):
    random = np.random.default_rng(0)
    scores = np.abs(np.float32(random.standard_normal((500, 400))))
    scores *= random.random(scores.shape) >= zeros
    count = int(np.count_nonzero(scores) * 0.4)
    assert np.array_equal(kept(scores, Share(0.4), 37), expected(scores, count))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_few_values_that_fill_a_tensor_are_not_collected(share: float):
    """As in 16-bit models that were hardly trained: only counted, or memory would grow."""
    scores = np.float32(np.random.default_rng(0).integers(0, 3, (700, 500)))
    count = int(scores.size * share)
    assert np.array_equal(kept(scores, count, 100), expected(scores, count))
