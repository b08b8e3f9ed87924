"""Singular values, several times faster than by an SVD: the roots of the eigenvalues of the smaller
Gram matrix. On the CPU by numpy, which starts twenty times faster than torch; on a GPU by torch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from alloyengine.errors import InputError

Values = Callable[[np.ndarray, bool], np.ndarray]
"""The singular values, float32 and descending, of a float32 matrix; exactly when asked to: with a Gram
matrix in float64, which keeps scores within 2e-6 of an SVD's. Otherwise they are within 3e-5.
"""


_LARGE = 1024  # rows of a Gram matrix: from here on torch's solver is worth its import

# numpy's works in float64 whatever it is given, torch's does not: twice as fast on large matrices.


def on_cpu(weight: np.ndarray, exactly: bool) -> np.ndarray:
    wide = weight.astype(np.float64) if exactly else weight
    gram = _gram(wide)
    if len(gram) < _LARGE:
        return _roots(np.linalg.eigvalsh(gram))
    import torch

    return _roots(torch.linalg.eigvalsh(torch.from_numpy(gram)).numpy())


def on_gpu(device: str) -> Values:
    import torch

    def values(weight: np.ndarray, exactly: bool) -> np.ndarray:
        moved = torch.from_numpy(weight).to(device, torch.float64 if exactly else torch.float32)
        return _roots(torch.linalg.eigvalsh(_gram(moved)).cpu().numpy())

    return values


def values_on(device: str) -> Values:
    """`cpu`, `cuda` (or `cuda:1`), or `auto`: a GPU when there is one."""
    from alloyengine.merge.backend import Cpu, backend

    if isinstance(backend(device), Cpu):
        return on_cpu
    return on_gpu("cuda" if device == "auto" else device)


def _gram(weight: Any) -> Any:
    """A product with its own transpose: BLAS computes half of it."""
    return weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight


def _roots(squares: np.ndarray) -> np.ndarray:
    if not np.isfinite(squares).all():
        raise InputError("model_damaged", "Singular values of a weight overflow float32.")
    found: np.ndarray = np.sqrt(squares.clip(0, None))[::-1].astype(np.float32)
    return found
