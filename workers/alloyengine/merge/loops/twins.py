"""The compiled loops as functions of arrays: the twins of functions of the same name.

Arrays are float32 and contiguous unless it says otherwise. Results equal those of the twins bit by
bit, but for sums, which are rounded in another order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from alloyengine.merge.loops.machine import functions

Array = Any

_do = functions()
_RUN, _SHORT_RUN = 4096, 1024  # as in `kernels`, which can't be imported without numba
_INFINITE = 0x7F800000
_WORD = 0xFFFFFFFF


def decode(raw: Array) -> Array:
    """bfloat16 (as uint16) to float32."""
    wide = np.empty(raw.shape, np.float32)
    _do["widen"](_at(raw, "u2"), _at(wide), wide.size)
    return wide


def encode(wide: Array) -> Array:
    """float32 to bfloat16 (as uint16), rounded to nearest, ties to even."""
    narrow = np.empty(wide.shape, np.uint16)
    _do["narrow"](_at(wide), _at(narrow, "u2"), wide.size)
    return narrow


def finite(wide: Array) -> bool:
    most = np.zeros(1, np.uint32)
    _do["largest_exponent"](_at(wide), wide.size, _at(most, "u4"))
    return bool(most[0] < _INFINITE)


def add(total: Array, array: Array, weight: float) -> None:
    """total += array * weight"""
    _do["add"](_at(total), _at(_alike(array, total)), weight, total.size)


def blend(raw: Array, weights: Sequence[float]) -> tuple[Array, bool]:
    """The weighted sum of bfloat16 numbers, uint16 [models, elements], as such numbers; and whether
    all of them are finite.
    """
    (models, size), narrow = raw.shape, np.empty(raw.shape[1], np.uint16)
    given, memory = np.asarray(weights, np.float32), np.empty(_RUN, np.float32)
    if len(given) != models:
        raise ValueError("a weight for each model")
    most = np.zeros(1, np.uint32)
    to = _at(narrow, "u2"), _at(most, "u4"), _at(memory)
    _do["blend"](_at(raw, "u2"), models, size, _at(given), *to)
    return narrow, bool(most[0] < _INFINITE)


def products(raw: Array, deltas: bool) -> Array:
    """The dot products of every two models, bfloat16 as uint16 [models, elements], or of every two's
    differences from the first: float64, the upper triangle row by row.
    """
    (models, size), first = raw.shape, int(deltas)
    found, wide = np.zeros((models, models)), np.empty((models, _SHORT_RUN), np.float32)
    base = np.empty(_SHORT_RUN, np.float32)
    memory = _at(found, "f8"), _at(wide), _at(base)
    _do["products"](_at(raw, "u2"), models, size, first, *memory)
    return found[first:, first:][np.triu_indices(models - first)]


def thin(delta: Array, kept: Array, scale: float) -> None:
    """delta *= kept (bool) * scale"""
    _do["thin"](_at(delta), _at(_alike(kept, delta), "?"), scale, delta.size)


def norms(delta: Array, kept: Array) -> tuple[float, float]:
    """L1 norms of everything and of what is kept (bool)."""
    found = np.zeros(2)
    _do["norms"](_at(delta), _at(_alike(kept, delta), "?"), delta.size, _at(found, "f8"))
    return float(found[0]), float(found[1])


def drawn(key: int, start: int, shape: tuple[int, ...], limit: int) -> Array:
    """Where the 16 random bits of an element are below the limit: bool."""
    mask, memory = np.empty(shape, np.bool_), np.empty(_RUN, np.uint32)
    words = key & _WORD, key >> 32
    _do["drawn"](*words, start, limit, mask.size, _at(mask, "?"), _at(memory, "u4"))
    return mask


def drawn_by_rank(delta: Array, start: int, key: int, low: int, high: int) -> Array:
    """As `sparsify._drawn_by_rank`, of whole rows of two columns or more: bool."""
    from alloyengine.merge.chance import scale_of

    if low == high:
        return drawn(key, start, delta.shape, low)
    (rows, columns), mask = delta.shape, np.empty(delta.shape, np.bool_)
    memory, scale = np.empty(4 * columns, np.uint32), scale_of(high - low, columns - 1)
    where = rows, columns, key & _WORD, key >> 32, start
    _do["drawn_by_rank"](_at(delta), *where, low, high, *scale, _at(mask, "?"), _at(memory, "u4"))
    return mask


def tally(scores: Array, low: float, high: float) -> tuple[int, int, Array, int, int]:
    """How many are above the bracket, equal to its upper end, which lie inside, how many are equal
    to its lower end, and how many are more than 0.
    """
    inside, marks = np.empty(scores.size, np.float32), np.empty(_RUN, np.uint8)
    counts = np.zeros(5, np.int64)
    ends = low, high, _at(inside), _at(counts, "i8"), _at(marks, "u1")
    _do["tally"](_at(scores), scores.size, *ends)
    above, equal, count, lower, positive = map(int, counts)
    return above, equal, inside[:count].copy(), lower, positive


def moments(chances: Array, change: Array, last: int) -> Array:
    """As `arcee_fusion._moments`: float64 [last + 1, rows]."""
    rows, columns = chances.shape
    found, memory = np.zeros((last + 1, rows)), np.empty(_RUN, np.float32)
    where = rows, columns, last + 1, _at(found, "f8"), _at(memory)
    _do["moments"](_at(chances), _at(_alike(change, chances)), *where)
    return found


def add_important(base: Array, other: Array, weights: Array, threshold: float) -> None:
    """base += other - base where |other - base| times the row's weight reaches the threshold."""
    rows, columns = base.shape
    if weights.shape != (rows,):
        raise ValueError("a weight for each row")
    at = _at(base), _at(_alike(other, base))
    _do["add_important"](*at, rows, columns, _at(weights), threshold)


def agreeing(
    changes: Sequence[Array], sign_of: Array, weights: Sequence[float] | None
) -> tuple[Array, Array | None]:
    """As `consensus.agreeing`."""
    sign, size = _at(sign_of), sign_of.size
    total = np.zeros(sign_of.shape, np.float32)
    for change in changes:
        _do["agree"](_at(_alike(change, total)), sign, _at(total), size)
    if weights is None:
        return total, None
    divisor = np.zeros(sign_of.shape, np.float32)
    for change, weight in zip(changes, weights, strict=True):
        _do["take_part"](_at(change), sign, weight, _at(divisor), size)
    return total, divisor


def _at(array: Array, kind: str = "f4") -> int:
    """Its address. Compiled loops ask no questions, so here they are asked."""
    if array.dtype != kind or not array.flags.c_contiguous:
        raise TypeError(f"{array.dtype} {array.shape} is no contiguous {kind}")
    return int(array.ctypes.data)


def _alike(array: Array, like: Array) -> Array:
    if array.shape != like.shape:
        raise ValueError(f"{array.shape} is not {like.shape}")
    return array
