"""Finds the k-th largest of a tensor's scores by selection, without sorting or holding them.

A sample brackets the value; one pass counts what lies above the bracket and collects what lies in
it, a small share, among which the value is found (Floyd and Rivest, "Expected time bounds for
selection", 1975). 16-bit numbers are often equal: of those equal to the value, the first in the
tensor's order are taken, so that exactly k are, whatever the size of the blocks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array, Block, Tensors

Score = Callable[[Block], list[Array]]
_MARGIN = 0.005  # of all ranks, to either side of the sample's guess
_DEVIATIONS = 4
_SMALL = 1 << 16  # so many elements are simply all looked at


@dataclass(frozen=True)
class Cut:
    """Separates the largest scores: those above `value`, and some of those equal to it."""

    value: float
    equals: dict[int, int] = field(default_factory=dict)  # by block (its row): how many are in

    def largest(self, scores: Array, row: int, xp: Any) -> Array:
        """Which scores of the block that begins in `row` are among the largest: bool."""
        wanted = self.equals.get(row, 0)
        if not wanted:
            return scores > self.value
        mask = scores >= self.value
        equal = xp.nonzero((scores == self.value).reshape(-1))
        extra = (equal[0] if xp is np else equal[:, 0])[wanted:]
        if len(extra):
            mask.reshape(-1)[extra] = False
        return mask


NOTHING = Cut(float("inf"))
EVERYTHING = Cut(-1.0)
"""For scores, which are never negative."""


def cuts(tensors: Tensors, score: Score, counts: Sequence[int]) -> list[Cut]:
    """For each array that `score` makes of a block, the cut that keeps so many of its elements."""
    rows, columns = tensors.shape
    size = rows * columns
    open_ = [number for number, count in enumerate(counts) if 0 < count < size]
    if not open_:
        return [EVERYTHING if count >= size else NOTHING for count in counts]
    found = _found(tensors, score, {number: counts[number] for number in open_}, size)
    return [
        found.get(number) or (EVERYTHING if count >= size else NOTHING)
        for number, count in enumerate(counts)
    ]


@dataclass(frozen=True)
class _Bracket:
    low: float
    high: float


@dataclass(frozen=True)
class _Look:
    """What one block has of one score."""

    row: int
    above: int  # larger than the bracket
    inside: np.ndarray


def _found(tensors: Tensors, score: Score, counts: dict[int, int], size: int) -> dict[int, Cut]:
    brackets = _brackets(tensors, score, counts, size)
    found: dict[int, Cut] = {}
    while brackets:
        looks = tensors.each(lambda block: _look(block, score(block), dict(brackets)))
        for number in list(brackets):
            cut = _cut([look[number] for look in looks], counts[number], brackets[number])
            if isinstance(cut, Cut):
                found[number] = cut
                del brackets[number]
            else:
                brackets[number] = cut
    return found


def _brackets(
    tensors: Tensors, score: Score, counts: dict[int, int], size: int
) -> dict[int, _Bracket]:
    samples = tensors.sample(lambda block: [_host(array, block.xp) for array in score(block)])
    found = {}
    for number, count in counts.items():
        sample = np.concatenate([arrays[number].reshape(-1) for arrays in samples])
        found[number] = _bracket(sample, count / size, len(sample) == size)
    return found


def _bracket(sample: np.ndarray, share: float, whole: bool) -> _Bracket:
    count = len(sample)
    rank = share * count  # from the top
    margin = 0 if whole else _DEVIATIONS * np.sqrt(count * share * (1 - share)) + _MARGIN * count
    high, low = int(np.floor(rank - margin)) - 1, int(np.ceil(rank + margin))
    top = float("inf") if high < 0 else kth_smallest(sample, count - 1 - high)
    bottom = -1.0 if low > count - 1 else kth_smallest(sample, count - 1 - low)
    return _Bracket(bottom, top)


def kth_smallest(values: np.ndarray, rank: int) -> float:
    """Counted from 0. (numpy's partition is vectorised for one rank at a time only.)"""
    return float(np.partition(values, rank)[rank])


def _look(block: Block, scores: list[Array], brackets: dict[int, _Bracket]) -> dict[int, _Look]:
    looks = {}
    for number, bracket in brackets.items():
        array = scores[number].reshape(-1)
        above, least = array > bracket.high, array >= bracket.low
        least ^= above
        inside = _host(array[least], block.xp)
        looks[number] = _Look(block.row, int(block.xp.count_nonzero(above)), inside)
    return looks


def _host(array: Array, xp: Any) -> np.ndarray:
    return np.asarray(array if xp is np else array.cpu())


def _cut(looks: list[_Look], count: int, bracket: _Bracket) -> Cut | _Bracket:
    """The cut, or a wider bracket when the value lies outside of this one."""
    above = sum(look.above for look in looks)
    inside = np.concatenate([look.inside for look in looks])
    rank = count - above
    if rank <= 0:
        return _Bracket(bracket.high, float("inf"))
    if rank > len(inside):
        return _Bracket(-1.0, bracket.low)
    value = kth_smallest(inside, len(inside) - rank)
    left = rank - int(np.count_nonzero(inside > value))
    equals = {}
    for look in looks:
        here = min(left, int(np.count_nonzero(look.inside == value)))
        if here:
            equals[look.row] = here
            left -= here
    return Cut(value, equals)
