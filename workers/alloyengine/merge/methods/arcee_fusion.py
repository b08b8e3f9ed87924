"""Takes only the changes that matter most to the base's distribution (Arcee, 2025).

An entry's importance is its change times the divergence KL(softmax(row) || softmax(base row)) of
its row. What reaches median + 1.5 · interquartile range is taken whole, the rest not at all.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors
from alloyengine.merge.selection import kth_smallest

_SMALL = 0.03  # changes up to here: four terms of the series are exact in float32


@dataclass(frozen=True)
class Importance:
    divergence: np.ndarray  # float32 [rows]
    threshold: float

    def of(self, block: Block, change: Array) -> Array:
        rows = self.divergence[block.row : block.row + len(change), None]
        return abs(change) * (
            rows if block.xp is np else block.xp.from_numpy(rows).to(change.device)
        )


def measure(tensors: Tensors, settings: Settings) -> Importance:
    """The rows' divergences, and the threshold, from a sample where a tensor is large."""
    found = Importance(np.concatenate(tensors.each(_divergence)).astype(np.float32), 0.0)

    def scores(block: Block) -> np.ndarray:
        base, other = block.arrays
        sizes = found.of(block, other - base)
        return np.asarray(sizes if block.xp is np else sizes.cpu()).reshape(-1)

    sample = np.concatenate(tensors.sample(scores))
    first, median, third = (
        kth_smallest(sample, int(share * (len(sample) - 1))) for share in (0.25, 0.5, 0.75)
    )
    return Importance(found.divergence, median + 1.5 * (third - first))


def _divergence(block: Block) -> np.ndarray:
    """KL of each row, float64 [rows].

    With p = softmax(other) and d = other - base: KL = log E_p[exp(-d)] + E_p[d]. The expectation
    of exp(-d) - 1 + d is formed by itself, so that nothing cancels where changes are small.
    """
    base, other = block.arrays
    xp = block.xp
    change = other - base
    other -= _most(other, xp)
    chances = xp.exp(other)
    total = _sum(chances, xp)
    mean = _dot(chances, change, xp) / total
    if max(float(change.max()), -float(change.min())) <= _SMALL:
        square = change * change
        chances *= square
        second = _sum(chances, xp) / 2
        third = _dot(chances, change, xp) / 6
        fourth = _dot(chances, square, xp) / 24
        curve = (second - third + fourth) / total
    else:
        curve = _dot(chances, xp.expm1(-change) + change, xp) / total
    divergence: np.ndarray = np.log1p(curve - mean) + mean
    return divergence


def _most(array: Array, xp: Any) -> Array:
    return array.max(axis=1, keepdims=True) if xp is np else array.amax(dim=1, keepdim=True)


def _sum(array: Array, xp: Any) -> np.ndarray:
    total = array.sum(1)
    return np.asarray(total if xp is np else total.cpu()).astype(np.float64)


def _dot(a: Array, b: Array, xp: Any) -> np.ndarray:
    total = np.vecdot(a, b) if xp is np else (a * b).sum(1).cpu().numpy()
    return np.asarray(total).astype(np.float64)


def combine(block: Block, settings: Settings, importance: Importance) -> Array:
    base, other = block.arrays
    other -= base
    other *= importance.of(block, other) >= importance.threshold
    base += other
    return base


METHOD = Method("arcee_fusion", combine, measure)
