"""The arc between two models, or between their changes to a base, with weights instead of a t.

Spherical interpolation after Shoemake (doi:10.1145/325165.325242); whole tensors, rows or columns.
"""

from typing import Any

import numpy as np

from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors
from alloyengine.merge.gram import (
    column_gram,
    differences,
    exact_row_dot,
    from_first,
    gram,
    weighted_sum,
)

_NO_SUM = 1e-6  # weights that sum to less share equally
_NO_ANGLE = 2.5e-4  # a smaller sine: a straight line; float32 knows no smaller one
_SHORTEST = 1e-7


def measure(tensors: Tensors, settings: Settings) -> Any:
    """The weights of the two: numbers for whole tensors, arrays [columns] for columns; None for
    rows, whose angles a block knows by itself.
    """
    deltas = _has_base(settings)
    if settings.shared["nuslerp_flatten"]:
        products = gram(tensors, deltas)
    elif settings.shared["nuslerp_row_wise"] and tensors.shape[0] > 1:
        products = column_gram(tensors, deltas)
    else:
        return None
    return _weights(_share(settings), products[0, 0], products[1, 1], products[0, 1])


def weights(settings: Settings, measured: Any) -> list[float] | None:
    if not settings.shared["nuslerp_flatten"]:
        return None
    pair = [float(weight) for weight in measured]
    return from_first(pair) if _has_base(settings) else pair


def combine(block: Block, settings: Settings, measured: Any) -> Array:
    if (known := weights(settings, measured)) is not None:
        return weighted_sum(block.arrays, known)
    base = block.arrays[0] if _has_base(settings) else None
    pair = block.arrays if base is None else differences(block)
    found = _of_rows(_share(settings), pair, block) if measured is None else measured
    result = weighted_sum(pair, [_laid(weight, block) for weight in found])
    if base is not None:
        result += base
    return result


def _has_base(settings: Settings) -> bool:
    return not settings.own[0]


def _share(settings: Settings) -> float:
    """How far the way goes to the second."""
    first, second = settings.each("weight")
    total = first + second
    return 0.5 if abs(total) < _NO_SUM else second / total


def _weights(t: float, aa: Any, bb: Any, ab: Any) -> tuple[Any, Any]:
    """From the dot products of the two with themselves and each other, float64."""
    lengths = np.sqrt(np.maximum(aa, _SHORTEST**2)) * np.sqrt(np.maximum(bb, _SHORTEST**2))
    angle = np.arccos(np.clip(ab / lengths, -1, 1))
    sine = np.sin(angle)
    straight = np.abs(sine) < _NO_ANGLE
    sine = np.where(straight, 1, sine)
    first = np.where(straight, 1 - t, np.sin((1 - t) * angle) / sine)
    return first, np.where(straight, t, np.sin(t * angle) / sine)


def _of_rows(t: float, pair: list[Array], block: Block) -> tuple[Any, Any]:
    a, b = pair
    aa, bb, ab = (exact_row_dot(x, y, block.xp) for x, y in ((a, a), (b, b), (a, b)))
    first, second = _weights(t, aa, bb, ab)
    return first[:, None], second[:, None]


def _laid(weight: Any, block: Block) -> Any:
    """A number, or float32 where the block's arrays are."""
    if weight.ndim == 0:
        return float(weight)
    if block.xp is np:
        return weight.astype(np.float32)
    return block.xp.from_numpy(weight.astype(np.float32)).to(block.arrays[0].device)


METHOD = Method("nuslerp", combine, measure, weights)
