"""What float32 makes of a score is less than what `doubt` says of it."""

import numpy as np
import pytest

from alloyengine.spectrum.doubt import doubt
from alloyengine.spectrum.matrix import Matrix
from alloyengine.spectrum.score import EDGES, SCORES, Method
from alloyengine.spectrum.singular import on_cpu

SHAPES = [(64, 64), (64, 512), (512, 64), (300, 301), (576, 576), (192, 1536)]


def matrix(rows: int, columns: int, kind: str) -> np.ndarray:
    """Noise, noise with a signal, or singular values over five orders of magnitude."""
    random = np.random.default_rng(rows + columns)
    noise = random.standard_normal((rows, columns)).astype(np.float32)
    if kind == "signal":
        left, right = random.standard_normal((rows, 4)), random.standard_normal((4, columns))
        return noise + (left @ right).astype(np.float32)
    if kind == "steep":
        left, _, right = np.linalg.svd(noise, full_matrices=False)
        return ((left * np.geomspace(1, 1e-5, min(rows, columns))) @ right).astype(np.float32)
    return noise


@pytest.mark.parametrize("method", ["spectrum", "mp"])
@pytest.mark.parametrize("kind", ["noise", "signal", "steep"])
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_are_nearer_than_the_doubt(shape: tuple[int, int], kind: str, method: Method):
    weight = matrix(*shape, kind)
    rough, exact = on_cpu(Matrix(weight), False), on_cpu(Matrix(weight), True)
    edge = EDGES[method](rough, *shape)
    told, right = (SCORES[method](values, *shape) for values in (rough, exact))
    assert abs(told - right) <= doubt(rough, edge) * max(told, right)


def test_a_value_on_the_threshold_may_count_on_either_side():
    values = np.array([4.0, 3.0, 2.0, 1.0, 0.5], np.float32)
    assert doubt(values, 2.5) < 1e-4
    # 4 + 3 over 2 + 1 + 0.5, or 4 + 3 + 2 over 1 + 0.5: from 2 to 6.
    assert doubt(values, 2.0000001) > 1
