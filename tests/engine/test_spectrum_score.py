import math

import numpy as np
import pytest
import torch

from alloyengine.spectrum.matrix import Matrix
from alloyengine.spectrum.score import SCORES, median_of_noise
from alloyengine.spectrum.singular import on_cpu


def published(weight: np.ndarray) -> float:
    """The authors' script, with its SVD."""
    values = torch.linalg.svdvals(torch.from_numpy(weight))
    sigma = (torch.quantile(values, 0.75) - torch.quantile(values, 0.25)) / 1.349
    edge = sigma * (1 + math.sqrt(min(weight.shape) / max(weight.shape)))
    signal, noise = values[values > edge].sum(), values[values <= edge].sum()
    return float(signal / (noise if noise else 1) / values[0])


def weight(rows: int, columns: int, rank: int, seed: int, strength: float = 0.01) -> np.ndarray:
    """Noise with a few strong directions, as trained weights have."""
    random = np.random.default_rng(seed)
    signal = random.standard_normal((rows, rank)) @ random.standard_normal((rank, columns))
    return np.float32(0.02 * random.standard_normal((rows, columns)) + strength * signal)


def snr(matrix: np.ndarray, method: str = "spectrum", exactly: bool = True) -> float:
    return SCORES[method](on_cpu(Matrix(matrix), exactly), *matrix.shape)


@pytest.mark.parametrize("shape", [(576, 576), (192, 576), (1536, 576), (576, 1536), (40, 3)])
@pytest.mark.parametrize("rank", [1, 16])
def test_the_score_equals_the_published_one(shape: tuple[int, int], rank: int):
    matrix = weight(*shape, rank, seed=7)
    assert snr(matrix) == pytest.approx(published(matrix), rel=1e-5)
    assert snr(matrix, exactly=False) == pytest.approx(published(matrix), rel=1e-4)


def test_a_flat_spectrum_has_no_noise_and_is_divided_by_one():
    assert snr(np.eye(8, dtype=np.float32)) == pytest.approx(8.0)


@pytest.mark.parametrize("method", ["spectrum", "mp"])
def test_an_empty_weight_scores_zero_instead_of_nan(method: str):
    assert snr(np.zeros((4, 6), np.float32), method) == 0.0


def test_the_published_score_is_not_scale_free_and_the_corrected_one_is():
    matrix = weight(64, 96, 4, seed=2)
    assert snr(2 * matrix) == pytest.approx(snr(matrix) / 2, rel=1e-5)
    assert snr(2 * matrix, "mp") == pytest.approx(snr(matrix, "mp"), rel=1e-5)


def test_narrow_noise_is_all_signal_as_published_and_none_as_corrected():
    noise = weight(256, 1024, 0, seed=3)
    assert snr(noise) > 100
    assert snr(noise, "mp") < 0.02


@pytest.mark.parametrize("shape", [(256, 256), (256, 1024)])
def test_a_stronger_signal_scores_higher_as_corrected(shape: tuple[int, int]):
    scores = [snr(weight(*shape, rank, 5, 0.02), "mp") for rank in (0, 1, 4, 16, 64)]
    assert scores == sorted(scores)
    as_published = [snr(weight(*shape, rank, 5, 0.02)) for rank in (0, 1)]
    assert as_published[1] < as_published[0]  # the fault that is kept


@pytest.mark.parametrize("beta", [0.05, 0.25, 1.0])
def test_the_median_of_noise_is_that_of_noise(beta: float):
    random = np.random.default_rng(0)
    columns = 1500
    noise = random.standard_normal((int(beta * columns), columns))
    eigenvalues = np.linalg.eigvalsh(noise @ noise.T) / columns
    assert median_of_noise(beta) == pytest.approx(float(np.median(eigenvalues)), rel=0.02)


def test_the_median_of_noise_is_the_known_one():
    """Gavish and Donoho, 2014, table IV: the threshold over the median singular value at beta = 1
    is 2.8582, and 4/√3 over the root of the law's median.
    """
    assert 4 / math.sqrt(3) / math.sqrt(median_of_noise(1.0)) == pytest.approx(2.8582, abs=2e-4)


def test_singular_values_come_in_descending_order_from_either_gram_matrix():
    wide = weight(5, 9, 2, seed=3)
    expected = np.linalg.svd(wide, compute_uv=False)
    np.testing.assert_allclose(on_cpu(Matrix(wide), True), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(on_cpu(Matrix(wide.T), True), expected, rtol=1e-4, atol=1e-6)
