"""Takes only the changes that matter most to the base's distribution (Arcee, 2025).

An entry's importance is its change times the divergence KL(softmax(row) || softmax(base row)) of
its row. What reaches median + 1.5 · interquartile range is taken whole, the rest not at all.
"""

from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors
from alloyengine.merge.gram import row_dot
from alloyengine.merge.loops import compiled
from alloyengine.merge.selection import kth_smallest

_EXACT = 1_000_000  # of a larger tensor a sample gives the quartiles
_SAMPLE = 1 << 18
_SAFE = 60.0  # exp of this and of minus this is far from float32's ends
_SERIES = ((0.03, 4), (0.5, 9))  # changes up to here: up to this power it is exact in float32
_FAR = 1e6


@dataclass(frozen=True)
class Importance:
    divergence: np.ndarray  # float32 [rows]
    threshold: float

    def of(self, block: Block, change: Array) -> Array:
        return _scores(change, self.divergence[block.row : block.row + len(change)], block.xp)


def _scores(change: Array, divergence: np.ndarray, xp: Any) -> Array:
    column = divergence[:, None]
    sizes = abs(change)
    sizes *= column if xp is np else xp.from_numpy(column).to(change.device)
    return sizes


def measure(tensors: Tensors, settings: Settings) -> Importance:
    """The rows' divergences, and the threshold."""
    size = tensors.shape[0] * tensors.shape[1]
    step = 1 if size <= _EXACT else size // _SAMPLE | 1  # odd: it visits all columns

    def look(block: Block) -> tuple[np.ndarray, np.ndarray]:
        base, other = block.arrays
        change = other - base
        divergence = _divergence(base, other, change, block.xp).astype(np.float32)
        return divergence, _sample(change, divergence, -block.start % step, step, block.xp)

    divergences, samples = zip(*tensors.each(look), strict=True)
    return Importance(np.concatenate(divergences), _threshold(np.concatenate(samples)))


def _sample(change: Array, divergence: np.ndarray, first: int, step: int, xp: Any) -> np.ndarray:
    """The importance of every so many entries."""
    if step == 1:
        return _host(_scores(change, divergence, xp)).reshape(-1)
    found: np.ndarray = np.abs(_host(change.reshape(-1)[first::step]))
    rows = np.arange(first, change.shape[0] * change.shape[1], step) // change.shape[1]
    found *= divergence[rows]
    return found


def _threshold(scores: np.ndarray) -> float:
    first, median, third = (
        kth_smallest(scores, int(share * (len(scores) - 1))) for share in (0.25, 0.5, 0.75)
    )
    return median + 1.5 * (third - first)


def _divergence(base: Array, other: Array, change: Array, xp: Any) -> np.ndarray:
    """KL of each row, float64 [rows]. Overwrites `other`.

    With p = softmax(other) and d = other - base: KL = log E_p[exp(-d)] + E_p[d]. The expectation
    of exp(-d) - 1 + d is formed by itself, so that nothing cancels where changes are small.
    """
    if other.shape[1] == 1:
        return np.zeros(len(other))  # the distribution of a single entry can't differ
    most = other.max(axis=1, keepdims=True) if xp is np else other.amax(dim=1, keepdim=True)
    if max(float(most.max()), -float(most.min())) > _SAFE:
        other -= most
    chances = xp.exp(other, out=other)
    total, mean, curve = _sums(chances, change, xp)
    mean = mean / total
    rest = curve / total - mean  # E_p[exp(-d)] - 1
    far = ~((rest > -0.5) & (rest < _FAR))
    divergence: np.ndarray = np.log1p(np.where(far, 0, rest)) + mean
    for row in np.flatnonzero(far):
        divergence[row] = _plainly(_host(base[row]), _host(change[row]))
    return divergence


def _sums(chances: Array, change: Array, xp: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each row the sums of p, of p·d, and of p · (exp(-d) - 1 + d), by its series d²/2 - d³/6 + …
    where that is exact: numpy's expm1 is slow. Overwrites `chances`.
    """
    largest = max(float(change.max()), -float(change.min()))
    last = next((power for end, power in _SERIES if largest <= end), None)
    if last is None:
        fall = -change.clip(-_SAFE, float("inf"))  # rows that fall more are `far`
        total, mean = _host(chances.sum(1)).astype(np.float64), row_dot(chances, change, xp)
        return total, mean, row_dot(chances, xp.expm1(fall) - fall, xp)
    moments = _moments(chances, change, last, xp)
    curve = np.zeros(len(change))
    for power in range(2, last + 1):
        curve += (-1) ** power * moments[power] / factorial(power)
    return moments[0], moments[1], curve


def _moments(chances: Array, change: Array, last: int, xp: Any) -> np.ndarray:
    """Of each row Σ p·d to every power up to the last, float64 [last + 1, rows]. Overwrites
    `chances`.
    """
    if loops := compiled(xp):
        return np.asarray(loops.moments(chances, change, last))
    square, found = change * change, np.zeros((last + 1, len(change)))
    found[0], found[1] = _host(chances.sum(1)), row_dot(chances, change, xp)
    for power in range(2, last + 1):
        found[power] = row_dot(chances, square if power % 2 == 0 else change, xp)
        if power % 2 == 0:
            chances *= square
    return found


def _plainly(base: np.ndarray, change: np.ndarray) -> float:
    """The divergence of a row that changed much, by its definition."""
    logs = []
    for values in (base.astype(np.float64) + change, base.astype(np.float64)):
        values -= values.max()
        logs.append(values - np.log(np.exp(values).sum()))
    return float(np.exp(logs[0]) @ (logs[0] - logs[1]))


def _host(array: Array) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else np.asarray(array.cpu())


def combine(block: Block, settings: Settings, importance: Importance) -> Array:
    base, other = block.arrays
    if loops := compiled(block.xp):
        weights = importance.divergence[block.row : block.row + len(base)]
        loops.add_important(base, other, weights, importance.threshold)
        return base
    other -= base
    other *= importance.of(block, other) >= importance.threshold
    base += other
    return base


METHOD = Method("arcee_fusion", combine, measure)
