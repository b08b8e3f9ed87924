import math

import pytest
import torch

from alloyengine.spectrum.score import singular_values, snr


def published(weight: torch.Tensor) -> float:
    """The paper's script, with its SVD."""
    values = torch.linalg.svdvals(weight.to(torch.float32))
    sigma = (torch.quantile(values, 0.75) - torch.quantile(values, 0.25)) / 1.349
    edge = sigma * (1 + math.sqrt(min(weight.shape) / max(weight.shape)))
    signal, noise = values[values > edge].sum(), values[values <= edge].sum()
    return float(signal / (noise if noise else 1) / values[0])


def weight(rows: int, columns: int, rank: int, seed: int) -> torch.Tensor:
    """Noise with a few strong directions, as trained weights have."""
    random = torch.Generator().manual_seed(seed)
    left = torch.randn(rows, rank, generator=random)
    right = torch.randn(rank, columns, generator=random)
    return 0.02 * torch.randn(rows, columns, generator=random) + 0.01 * left @ right


@pytest.mark.parametrize("shape", [(576, 576), (192, 576), (1536, 576), (576, 1536), (40, 3)])
@pytest.mark.parametrize("rank", [1, 16])
def test_the_score_equals_the_published_one(shape: tuple[int, int], rank: int):
    matrix = weight(*shape, rank, seed=7)
    assert snr(matrix) == pytest.approx(published(matrix), rel=1e-5)


def test_bf16_weights_are_scored_as_they_are():
    matrix = weight(64, 96, 4, seed=1).to(torch.bfloat16)
    assert snr(matrix) == pytest.approx(published(matrix), rel=1e-5)


def test_a_flat_spectrum_has_no_noise_and_is_divided_by_one():
    assert snr(torch.eye(8)) == pytest.approx(8.0)


def test_an_empty_weight_scores_zero_instead_of_nan():
    assert snr(torch.zeros(4, 6)) == 0.0


def test_the_score_is_not_scale_free_as_published():
    matrix = weight(64, 96, 4, seed=2)
    assert snr(2 * matrix) == pytest.approx(snr(matrix) / 2, rel=1e-5)


def test_singular_values_come_in_descending_order_from_either_gram_matrix():
    wide = weight(5, 9, 2, seed=3)
    expected = torch.linalg.svdvals(wide)
    torch.testing.assert_close(singular_values(wide), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(singular_values(wide.T), expected, rtol=1e-4, atol=1e-6)
