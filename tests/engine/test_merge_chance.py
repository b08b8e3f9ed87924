"""Random methods: what is drawn, how often, and that anybody who draws again draws the same."""

import numpy as np
import pytest
import torch

from alloyengine.merge.chance import another, chosen, halves, key_of
from tests.engine.merging import combine

SIZE = 1 << 18
LIKE = np.ones(SIZE, np.float32)


def drawn(key: int = 7, start: int = 0, like: np.ndarray = LIKE) -> np.ndarray:
    return halves(key_of(key, 0), start, like, np)


def test_bits_are_even():
    ones = np.unpackbits(drawn().view(np.uint8)).mean()
    assert abs(ones - 0.5) < 4 * 0.5 / np.sqrt(SIZE * 16)


def test_bytes_are_uniform():
    """χ² of 256 values: mean 255, deviation √510."""
    for byte in drawn().view(np.uint8).reshape(-1, 2).T:
        counts = np.bincount(byte, minlength=256)
        chi = ((counts - SIZE / 256) ** 2 / (SIZE / 256)).sum()
        assert abs(chi - 255) < 5 * np.sqrt(510)


@pytest.mark.parametrize("distance", [1, 2, 64, 4096])
def test_neighbours_are_not_correlated(distance: int):
    numbers = drawn().astype(np.float64)
    found = np.corrcoef(numbers[:-distance], numbers[distance:])[0, 1]
    assert abs(found) < 5 / np.sqrt(SIZE)


def test_models_are_not_correlated():
    one, other = (halves(key_of(7, model), 0, LIKE, np).astype(float) for model in (0, 1))
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(SIZE)


def test_a_piece_draws_what_the_whole_draws():
    assert np.array_equal(drawn(start=1001, like=LIKE[:50]), drawn()[1001:1051])


def test_torch_draws_the_same_bits():
    found = halves(key_of(7, 0), 2**33 - 11, torch.ones(50), torch)
    assert found.tolist() == halves(key_of(7, 0), 2**33 - 11, LIKE[:50], np).tolist()


@pytest.mark.parametrize("probability", [0.0, 0.05, 0.5, 0.97, 1.0])
def test_so_many_are_chosen(probability: float):
    share = chosen(3, 0, LIKE, probability, np).mean()
    assert abs(share - probability) <= 5 * np.sqrt(probability * (1 - probability) / SIZE)


SHAPE = (256, 512)
BASE = np.zeros(SHAPE, np.float32)
MODEL = np.float32(np.random.default_rng(0).standard_normal(SHAPE))


@pytest.mark.parametrize("name", ["dare_linear", "dare_ties", "della", "della_linear"])
def test_the_length_of_the_change_is_kept(name: str):
    found = combine(name, [BASE, MODEL], density=0.6, key=5)
    assert np.abs(found).sum() == pytest.approx(np.abs(MODEL).sum(), rel=1e-5)
    assert np.mean(found != 0) == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("name", ["dare_linear", "della_linear"])
def test_another_seed_draws_others(name: str):
    one, same, other = (combine(name, [BASE, MODEL], density=0.6, key=k) for k in (1, 1, 2))
    assert np.array_equal(one, same)
    assert np.mean((one != 0) == (other != 0)) == pytest.approx(0.52, abs=0.02)


def test_dare_expects_the_change_itself():
    found = np.mean(
        [combine("dare_linear", [BASE, MODEL], density=0.5, key=key) for key in range(64)], axis=0
    )
    error = np.abs(found - MODEL).mean() / np.abs(MODEL).mean()
    assert error < 0.15  # 1 / √64, and a little


def test_della_keeps_the_larger_more_often():
    kept = np.mean(
        [combine("della", [BASE, MODEL], density=0.5, epsilon=0.3, key=k) != 0 for k in range(100)],
        axis=0,
    )
    ranks = np.abs(MODEL).argsort(axis=1).argsort(axis=1) / (SHAPE[1] - 1)
    expected = 0.2 + 0.6 * ranks
    assert np.abs(kept - expected).mean() < 0.05
    for low in (0, 0.25, 0.5, 0.75):
        quarter = (ranks >= low) & (ranks < low + 0.25)
        assert kept[quarter].mean() == pytest.approx(expected[quarter].mean(), abs=0.003)


def test_a_row_of_one_entry_is_kept_by_its_density():
    model = np.ones((20_000, 1), np.float32)
    found = combine("della_linear", [model * 0, model], density=0.7, rescale=False)
    assert found.mean() == pytest.approx(0.7, abs=0.02)


def compared(sizes: np.ndarray, key: int) -> np.ndarray:
    return another(sizes, halves(key, 0, sizes, np), 0, 1 << 16, np)


def stable_ranks(sizes: np.ndarray) -> np.ndarray:
    """Of equal entries the later one has the higher rank."""
    return sizes.argsort(axis=1, kind="stable").argsort(axis=1)


@pytest.mark.parametrize("step", [0, 0.5])
def test_an_entry_is_larger_than_another_as_often_as_its_rank_says(step: float):
    """With a step most entries have equals in their row."""
    row = np.abs(np.random.default_rng(2).standard_normal((1, 40)))
    row = np.float32(np.round(row / step) * step if step else row)
    rows = np.repeat(row, 20_000, axis=0)
    found = compared(rows, 99).mean(axis=0)
    np.testing.assert_allclose(found, stable_ranks(row)[0] / 39, atol=5 * 0.5 / np.sqrt(20_000))


@pytest.mark.parametrize("columns", [2, 3, 1000, 70_000])
def test_torch_compares_with_the_same_others(columns: int):
    rows = np.abs(np.float32(np.random.default_rng(3).standard_normal((3, columns))))
    bits = halves(5, 7 * columns, rows, np)
    wide = torch.from_numpy(bits.astype(np.int64))
    found = another(torch.from_numpy(rows), wide, 9000, 50_000, torch).numpy()
    between = (bits >= 9000) & (bits < 50_000)
    expected = another(rows, bits, 9000, 50_000, np)
    assert np.array_equal(found[between], expected[between])


def test_others_are_drawn_for_each_entry_by_itself():
    """Neighbours must not be kept or dropped together."""
    rows = np.abs(np.float32(np.random.default_rng(4).standard_normal((400, 500))))
    surprise = compared(rows, 1) - stable_ranks(rows) / 499
    for distance in (1, 2, 64):
        one, other = surprise[:, :-distance].reshape(-1), surprise[:, distance:].reshape(-1)
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(one.size)


@pytest.mark.parametrize("columns", [2, 3, 7, 500])
@pytest.mark.parametrize(("low", "high"), [(0, 1 << 16), (9000, 9400), (20_000, 50_000)])
def test_every_other_entry_is_drawn_as_often(columns: int, low: int, high: int):
    """The first of a row is compared with all others: it is larger than half of them."""
    sizes = np.arange(columns, dtype=np.float32) + 1
    sizes[0] = columns // 2 + 1.5
    rows = np.repeat(sizes[None], high - low, axis=0)
    bits = np.repeat(np.arange(low, high, dtype=np.uint16)[:, None], columns, axis=1)
    found = another(rows, bits, low, high, np)[:, 0].mean()
    assert found == pytest.approx(
        stable_ranks(sizes[None])[0, 0] / (columns - 1), abs=2 / (high - low)
    )


def test_della_keeps_as_much_of_equal_changes_as_of_others():
    model = np.float32(np.sign(MODEL) * 0.5)
    found = combine("della_linear", [BASE, model], density=0.6, epsilon=0.3, rescale=False)
    assert np.mean(found != 0) == pytest.approx(0.6, abs=0.005)
