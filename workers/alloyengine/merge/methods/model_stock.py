"""Moves from the base towards the models' mean as far as their angles allow.

Jang et al., arXiv 2403.19522, equation 3, with the mean of all pairs' cosines.
"""

from typing import Any

import numpy as np

from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors, pairs
from alloyengine.merge.gram import differences, exact_row_dot, from_first, gram, weighted_sum

_SMALLEST = 1e-6  # of a product of lengths: what is less tells no angle


def measure(tensors: Tensors, settings: Settings) -> float | None:
    """How far to go, from 0 (the base) to 1 (the mean); None when every row has its own way."""
    if settings.shared["filter_wise"]:
        return None
    products = gram(tensors, deltas=True)
    lengths = np.sqrt(products.diagonal())
    cosines = [
        _cosine(products[i, j], lengths[i] * lengths[j]) for i, j in pairs(range(len(products)))
    ]
    return float(_way(np.mean(cosines, axis=0), len(products), settings))


def _cosine(product: Any, lengths: Any) -> Any:
    return np.clip(product / np.maximum(lengths, _SMALLEST), -1, 1)


def _way(cosine: Any, count: int, settings: Settings) -> Any:
    """No way at all where the models' changes cancel each other out."""
    whole = 1 + (count - 1) * cosine
    way = np.where(whole > _SMALLEST, count * cosine / np.maximum(whole, _SMALLEST), 0)
    return np.maximum(way, 0) if settings.shared["clamp"] else way


def weights(settings: Settings, way: float | None) -> list[float] | None:
    count = len(settings.own) - 1
    return None if way is None else from_first([way / count] * count)


def combine(block: Block, settings: Settings, way: float | None) -> Array:
    if (known := weights(settings, way)) is not None:
        return weighted_sum(block.arrays, known)
    count = len(block.arrays) - 1
    base, deltas = block.arrays[0], differences(block)
    base += weighted_sum(deltas, [_of_rows(deltas, settings, block.xp) / count] * count)
    return base


def _of_rows(deltas: list[Array], settings: Settings, xp: Any) -> Array:
    """[rows, 1]"""
    lengths = [np.sqrt(exact_row_dot(delta, delta, xp)) for delta in deltas]
    cosines = [
        _cosine(exact_row_dot(deltas[i], deltas[j], xp), lengths[i] * lengths[j])
        for i, j in pairs(range(len(deltas)))
    ]
    way = _way(np.mean(cosines, axis=0), len(deltas), settings).astype(np.float32)[:, None]
    return way if xp is np else xp.from_numpy(way).to(deltas[0].device)


METHOD = Method("model_stock", combine, measure, weights)
