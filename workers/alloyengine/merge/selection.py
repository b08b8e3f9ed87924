"""Finds the k-th largest of a tensor's scores by selection, without sorting or holding them.

A sample brackets the value; one pass counts what lies above the bracket and collects what lies in
it, a small share, among which the value is found (Floyd and Rivest, "Expected time bounds for
selection", 1975). 16-bit numbers are often equal: of those equal to the value, the first in the
tensor's order are taken, so that exactly k are, whatever the size of the blocks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array, Block, Tensors
from alloyengine.merge.loops import compiled

Score = Callable[[Block], list[Array]]
_MARGIN = 0.005  # of all ranks, to either side of the sample's guess
_DEVIATIONS = 4
_SAMPLE = 1 << 17  # more tells no more


@dataclass(frozen=True)
class Cut:
    """Separates the largest scores: those above `value`, and the first of those equal to it."""

    value: float
    row: int = -1  # of the last block in which equal ones are in: all of them in those before,
    equals: int = 0  # so many in this one

    def largest(self, scores: Array, row: int, xp: Any) -> Array:
        """Which scores of the block that begins in `row` are among the largest: bool."""
        if row < self.row:
            return scores >= self.value
        mask = scores > self.value
        if row == self.row:
            found = xp.nonzero((scores == self.value).reshape(-1))
            mask.reshape(-1)[(found[0] if xp is np else found[:, 0])[: self.equals]] = True
        return mask


NOTHING = Cut(float("inf"))
EVERYTHING = Cut(-1.0)
"""For scores, which are never negative."""


@dataclass(frozen=True)
class Share:
    """So much of the scores that are not 0; more than 0."""

    value: float


def cuts(tensors: Tensors, score: Score, counts: Sequence[int | Share]) -> list[Cut]:
    """For each array that `score` makes of a block, the cut that keeps so many of its elements."""
    size = tensors.shape[0] * tensors.shape[1]
    found = [NOTHING if isinstance(c, Share) or c < size else EVERYTHING for c in counts]
    open_ = [n for n, c in enumerate(counts) if isinstance(c, Share) or 0 < c < size]
    if not open_ or not size:
        return found
    samples = tensors.once(f"samples {open_}", lambda: _samples(tensors, score, open_))
    ranges = {n: _Range.first(counts[n], size, samples[n]) for n in open_}
    while ranges:
        brackets = {number: range_.bracket() for number, range_ in ranges.items()}
        looks = tensors.each(partial(_look, score, brackets))
        for number, bracket in brackets.items():
            result = ranges[number].settled(bracket, [look[number] for look in looks])
            if isinstance(result, Cut):
                found[number] = result
                del ranges[number]
            else:
                ranges[number] = result
    return found


def _samples(tensors: Tensors, score: Score, numbers: Sequence[int]) -> dict[int, np.ndarray]:
    def look(block: Block) -> list[np.ndarray]:
        scores = score(block)
        return [_host(scores[number], block.xp).reshape(-1) for number in numbers]

    parts = zip(*tensors.sample(look), strict=True)
    return {n: _thinned(np.concatenate(part)) for n, part in zip(numbers, parts, strict=True)}


def _thinned(sample: np.ndarray) -> np.ndarray:
    """By an odd step, which visits all columns. In memory of its own: it may be kept."""
    return sample[:: max(1, len(sample) // _SAMPLE) | 1].copy()


@dataclass(frozen=True)
class _Bracket:
    low: float
    high: float
    share: bool = False  # is it yet to be learned how many scores are not 0?


@dataclass(frozen=True)
class _Look:
    """What one block has of one score."""

    row: int
    above: int  # larger than the bracket
    high: int  # equal to its upper end
    inside: np.ndarray  # strictly between its ends
    low: int  # equal to its lower end
    positive: int


def _look(score: Score, brackets: Mapping[int, _Bracket], block: Block) -> dict[int, _Look]:
    scores, count, looks = score(block), block.xp.count_nonzero, {}
    for number, bracket in brackets.items():
        array = scores[number].reshape(-1)
        if loops := compiled(block.xp):
            looks[number] = _Look(block.row, *loops.tally(array, bracket.low, bracket.high))
            continue
        inside, beyond = array < bracket.high, array > bracket.low
        above, reaching = int(count(array > bracket.high)), int(count(array >= bracket.low))
        high, low = len(array) - above - int(count(inside)), reaching - int(count(beyond))
        inside &= beyond
        positive = int(count(array > 0)) if bracket.share else 0
        looks[number] = _Look(block.row, above, high, _host(array[inside], block.xp), low, positive)
    return looks


def _host(array: Array, xp: Any) -> np.ndarray:
    return np.asarray(array if xp is np else array.cpu())


@dataclass(frozen=True)
class _Range:
    """Where the value can be: strictly between `low` and `high`."""

    count: int  # so many of all are to be kept
    size: int  # so many are in the range
    sample: np.ndarray
    above: int = 0  # so many are above the range
    low: float = -1.0
    high: float = float("inf")
    share: float = 0.0  # of those that are not 0: then `count` is but an estimate

    @classmethod
    def first(cls, count: int | Share, size: int, sample: np.ndarray) -> "_Range":
        if isinstance(count, int):
            return cls(count, size, sample)
        positive = np.count_nonzero(sample) / len(sample) * size
        return cls(int(count.value * positive), size, sample, share=count.value)

    def bracket(self) -> _Bracket:
        """A part of the range, or its ends, that holds the value by the sample's word."""
        known = self.sample[(self.sample > self.low) & (self.sample < self.high)]
        count, share = len(known), (self.count - self.above) / self.size
        exact = count == self.size
        margin = 0.0 if exact else _DEVIATIONS * (count * share * (1 - share)) ** 0.5
        margin += 0.0 if exact else _MARGIN * count
        top, bottom = int(share * count - margin) - 1, int(np.ceil(share * count + margin))
        high = self.high if top < 0 else kth_smallest(known, count - 1 - top)
        low = self.low if bottom > count - 1 else kth_smallest(known, count - 1 - bottom)
        return _Bracket(low, high, self.share > 0)

    def settled(self, bracket: _Bracket, looks: Sequence[_Look]) -> "Cut | _Range":
        """The cut, or a smaller range when the value lies outside of the bracket."""
        if self.share:
            count = int(sum(look.positive for look in looks) * self.share)
            known = replace(self, count=count, share=0.0)
            return known.settled(bracket, looks) if count else NOTHING
        above = sum(look.above for look in looks)
        if above >= self.count:
            return replace(self, size=above - self.above, low=bracket.high)
        rank, equals = self.count - above, [look.high for look in looks]
        if rank <= sum(equals):
            return _cut(bracket.high, rank, equals, looks)
        rank -= sum(equals)
        inside = np.concatenate([look.inside for look in looks])
        if rank <= len(inside):
            value = kth_smallest(inside, len(inside) - rank)
            rank -= int(np.count_nonzero(inside > value))
            equals = [int(np.count_nonzero(look.inside == value)) for look in looks]
            return _cut(value, rank, equals, looks)
        rank, equals = rank - len(inside), [look.low for look in looks]
        if rank <= sum(equals):
            return _cut(bracket.low, rank, equals, looks)
        reached = self.count - rank + sum(equals)
        left = self.size - (reached - self.above)
        return replace(self, size=left, above=reached, high=bracket.low)


def _cut(value: float, rank: int, equals: Sequence[int], looks: Sequence[_Look]) -> Cut:
    """Ends with the rank-th of those equal to the value, in the order of the blocks."""
    for equal, look in zip(equals, looks, strict=True):
        if rank <= equal:
            return Cut(value, look.row, rank)
        rank -= equal
    raise ValueError("fewer are equal than were counted")


def kth_smallest(values: np.ndarray, rank: int) -> float:
    """Counted from 0. (numpy's partition is vectorised for one rank at a time only.)"""
    return float(np.partition(values, rank)[rank])
