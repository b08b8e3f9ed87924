"""Matrices are decoded part by part, and a scan holds no more of them than it must."""

import numpy as np
import pytest

from alloyengine.merge.arrays import decode, encode
from alloyengine.spectrum import lapack
from alloyengine.spectrum.matrix import Matrix
from alloyengine.spectrum.singular import on_cpu


def stored(code: str, rows: int, columns: int) -> np.ndarray:
    numbers = np.random.default_rng(0).standard_normal((rows, columns), np.float32)
    return encode(numbers, code)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5), (7, 7)])
@pytest.mark.parametrize("code", ["F32", "F16", "BF16"])
def test_parts_are_those_of_the_whole(code: str, shape: tuple[int, int]) -> None:
    matrix = Matrix(stored(code, *shape), code)
    whole = decode(matrix.stored, code)
    axis = 1 if matrix.is_wide else 0
    parts = [matrix.part(start, start + 2) for start in range(0, max(shape), 2)]
    np.testing.assert_array_equal(np.concatenate(parts, axis), whole)
    np.testing.assert_array_equal(matrix.whole(), whole)
    assert all(part.dtype == np.float32 for part in parts)


@pytest.mark.parametrize("exactly", [True, False])
@pytest.mark.parametrize("shape", [(30, 70), (70, 30), (41, 41)])
@pytest.mark.parametrize("code", ["F32", "BF16"])
def test_in_pieces_the_singular_values_are_the_same(
    code: str, shape: tuple[int, int], exactly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last piece is smaller than the others; a float32 transposed is no contiguous memory."""
    matrix = Matrix(stored(code, *shape), code)
    expected = np.linalg.svd(matrix.whole().astype(np.float64), compute_uv=False)
    monkeypatch.setattr(lapack, "_PIECE", 8 * 8 * min(shape))
    np.testing.assert_allclose(on_cpu(matrix, exactly), expected, rtol=2e-4, atol=2e-3)
    turned = Matrix(matrix.stored.T, code)
    np.testing.assert_allclose(on_cpu(turned, exactly), expected, rtol=2e-4, atol=2e-3)
