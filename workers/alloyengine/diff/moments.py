"""Sums over the elements of a tensor, from which all figures of a comparison follow.

They add up: over blocks to a tensor, over tensors to a module, over modules to a model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alloyengine.merge.declare import pairs
from alloyengine.merge.gram import dot

TOP_SHARE = 0.2
_DOT, _REACH, _MOVED, _CONFLICT, _TOP = range(5)


@dataclass(frozen=True)
class Moments:
    """Of some models' task vectors: their changes from the base. All sums are float64."""

    base: float  # the base's length, squared
    sums: np.ndarray  # [5, models, models]: see the constants

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.base + other.base, self.sums + other.sums)

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.base) and np.isfinite(self.sums).all())

    def norm(self, model: int) -> float | None:
        """How far a model moved, relative to the base's length; None when that is 0."""
        return _share(self.sums[_DOT, model, model] ** 0.5, self.base**0.5)

    def cosine(self, a: int, b: int) -> float | None:
        """Of the angle between two task vectors; None when one is 0."""
        lengths = (self.sums[_DOT, a, a] * self.sums[_DOT, b, b]) ** 0.5
        found = _share(self.sums[_DOT, a, b], lengths)
        return None if found is None else max(-1.0, min(1.0, found))

    def conflict(self, a: int, b: int) -> float | None:
        """Of the elements that both moved, the share that they moved in opposite directions."""
        return _share(self.sums[_CONFLICT, a, b], self.sums[_MOVED, a, b])

    def weighted_conflict(self, a: int, b: int) -> float | None:
        """The same share, with each element counted by the product of the two moves."""
        reach = self.sums[_REACH, a, b]
        return _share((reach - self.sums[_DOT, a, b]) / 2, reach)

    def overlap(self, a: int, b: int) -> float | None:
        """Of the elements that one moved the most (a fifth), the share that the other did too."""
        return _share(2 * self.sums[_TOP, a, b], self.sums[_TOP, a, a] + self.sums[_TOP, b, b])


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def moments(base: np.ndarray, deltas: Sequence[np.ndarray], tops: Sequence[float]) -> Moments:
    """Of one block: float32 arrays of one shape. `tops` says for each model from what magnitude on
    an element is among the most moved. Overwrites `base` and `deltas`.
    """
    count = len(deltas)
    sums = np.zeros((5, count, count))
    length = dot(base, base, np)
    negative = [delta < 0 for delta in deltas]
    moved = [delta != 0 for delta in deltas]
    both = [(i, i) for i in range(count)] + pairs(range(count))
    for a, b in both:
        sums[_DOT, a, b] = dot(deltas[a], deltas[b], np)
    sizes = [np.abs(delta, out=delta) for delta in deltas]
    largest = [size >= top for size, top in zip(sizes, tops, strict=True)]
    for a, b in both:
        sums[_REACH, a, b] = dot(sizes[a], sizes[b], np)
        together = moved[a] & moved[b]
        sums[_MOVED, a, b] = np.count_nonzero(together)
        together &= negative[a] ^ negative[b]
        sums[_CONFLICT, a, b] = np.count_nonzero(together)
        sums[_TOP, a, b] = np.count_nonzero(largest[a] & largest[b])
    return Moments(length, sums)


def top_of(delta: np.ndarray) -> float:
    """The magnitude from which on an element is among the largest fifth; never 0."""
    sizes = np.abs(delta).reshape(-1)
    if sizes.size == 0:
        return float(np.inf)
    rank = int(sizes.size * (1 - TOP_SHARE))
    found = float(np.partition(sizes, rank)[rank])
    return max(found, float(np.finfo(np.float32).smallest_subnormal))
