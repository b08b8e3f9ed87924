"""Lengths and angles of whole tensors, and sums that they weigh.

Spherical methods and model stocks stay in the span of their tensors: all they need to know is the
matrix of dot products, and all they make is a weighted sum.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array, Block, Measure, Method, Settings, Tensors
from alloyengine.merge.loops import compiled
from alloyengine.spec.methods import MergeMethod

_RUN = 4096  # float32 products are summed over so many elements, the sums of those in float64
_NO_SUM = 1e-8
CANCELLED = 3e-4
"""Unit vectors whose sum is shorter cancel each other out: all the rest is rounding of `gram`."""
_ONES = np.ones(_RUN, np.float32)


def gram(tensors: Tensors, deltas: bool = False) -> np.ndarray:
    """The dot products of every two tensors, float64 [models, models], not to be written to; of their
    differences from the first with `deltas`.
    """
    return tensors.once(f"gram {deltas}", lambda: _gram(tensors, deltas))


def _gram(tensors: Tensors, deltas: bool) -> np.ndarray:
    def look(block: Block) -> list[float]:
        arrays = differences(block) if deltas else block.arrays
        return [dot(a, b, block.xp) for i, a in enumerate(arrays) for b in arrays[i:]]

    raw = tensors.bfloats(lambda loops, _, numbers: loops.products(numbers, deltas))
    sums = summed(tensors.each(look) if raw is None else raw)
    size = int((np.sqrt(8 * len(sums) + 1) - 1) / 2)
    found = np.zeros((size, size))
    rows, columns = np.triu_indices(size)
    found[rows, columns] = found[columns, rows] = sums
    return found


def summed(parts: Sequence[Any]) -> np.ndarray:
    """The sum of equally shaped lists of numbers, one for each block, in float64."""
    return np.asarray(np.sum(np.asarray(parts, np.float64), axis=0))


def column_gram(tensors: Tensors, deltas: bool = False) -> np.ndarray:
    """As `gram`, of each column by itself: float64 [models, models, columns]."""

    def look(block: Block) -> list[np.ndarray]:
        arrays = differences(block) if deltas else block.arrays
        return [_column_dot(a, b, block.xp) for i, a in enumerate(arrays) for b in arrays[i:]]

    sums = summed(tensors.each(look))
    size = int((np.sqrt(8 * len(sums) + 1) - 1) / 2)
    found = np.zeros((size, size, sums.shape[1]))
    rows, columns = np.triu_indices(size)
    found[rows, columns] = found[columns, rows] = sums
    return found


def differences(block: Block) -> list[Array]:
    """Every other model's array minus the first, in place."""
    base, *others = block.arrays
    for other in others:
        other -= base
    return others


def dot(a: Array, b: Array, xp: Any) -> float:
    """Of all elements."""
    if xp is not np:
        return float((a * b).sum(dtype=xp.float64))
    a, b = a.reshape(-1), b.reshape(-1)
    even = a.size - a.size % _RUN
    runs = np.vecdot(a[:even].reshape(-1, _RUN), b[:even].reshape(-1, _RUN))
    return float(runs.sum(dtype=np.float64)) + float(np.vecdot(a[even:], b[even:]))


def total(a: Array, xp: Any) -> float:
    """The sum of all elements."""
    if xp is not np:
        return float(a.sum(dtype=xp.float64))
    flat = a.reshape(-1)
    even = flat.size - flat.size % _RUN
    runs = np.vecdot(flat[:even].reshape(-1, _RUN), _ONES)
    return float(runs.sum(dtype=np.float64)) + float(flat[even:].sum(dtype=np.float64))


def row_dot(a: Array, b: Array, xp: Any) -> np.ndarray:
    """Of each row by itself, float64 [rows]."""
    if xp is not np:
        return np.asarray((a * b).sum(dim=1, dtype=xp.float64).cpu())
    found = np.zeros(len(a))
    for start in range(0, a.shape[1], _RUN):  # longer ones would wake OpenBLAS's own threads
        found += np.vecdot(a[:, start : start + _RUN], b[:, start : start + _RUN])
    return found


def exact_row_dot(a: Array, b: Array, xp: Any) -> np.ndarray:
    """As `row_dot`, with products in float64, too: short rows may be all but opposite."""
    return _summed_products(a, b, 1, xp)


def _column_dot(a: Array, b: Array, xp: Any) -> np.ndarray:
    return _summed_products(a, b, 0, xp)


def _summed_products(a: Array, b: Array, axis: int, xp: Any) -> np.ndarray:
    if xp is not np:
        return np.asarray((a.double() * b.double()).sum(dim=axis).cpu())
    return np.asarray(np.multiply(a, b, dtype=np.float64).sum(axis=axis))


def weighted_sum(arrays: Sequence[Array], weights: Sequence[Any]) -> Array:
    """Σ wᵢxᵢ, in the memory of the arrays. A weight is a number, or float32 that broadcasts."""
    total = arrays[0]
    total *= weights[0]
    loops = compiled() if isinstance(total, np.ndarray) else None
    for array, weight in zip(arrays[1:], weights[1:], strict=True):
        if loops and isinstance(weight, float):
            loops.add(total, array, weight)
        else:
            array *= weight
            total += array
    return total


def divided(weights: Sequence[float], normalize: float) -> list[float]:
    """By their sum if they are to be normalized, unless that is 0."""
    divisor = sum(weights) if normalize else 1.0
    return [weight / (divisor if abs(divisor) >= _NO_SUM else 1.0) for weight in weights]


def from_first(weights: Sequence[float]) -> list[float]:
    """All weights, given the others': x₀ + Σ wᵢ(xᵢ - x₀) is (1 - Σw)·x₀ + Σ wᵢxᵢ."""
    return [1 - sum(weights), *weights]


def blend(
    name: MergeMethod,
    weights: Callable[[Settings, Any], Sequence[float]],
    measure: Measure | None = None,
) -> Method:
    """A method that makes nothing but weighted sums."""

    def combine(block: Block, settings: Settings, measured: Any) -> Array:
        return weighted_sum(block.arrays, weights(settings, measured))

    return Method(name, combine, measure, weights)
