"""The inner loops of merges on the CPU, compiled: the twins of functions of the same name.

Arrays are float32 and contiguous unless it says otherwise. Results equal those of the twins bit by
bit, but for sums, which are rounded in another order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import float32, njit, uint32

Array = Any

_EXPONENT = uint32(0x7F800000)
_SIGN = uint32(0x80000000)
_RUN = 4096  # float32 sums are of so many elements, the sums of those in float64


def decode(raw: Array) -> Array:
    """bfloat16 (as uint16) to float32."""
    wide = np.empty(raw.shape, np.float32)
    _widen(_flat(raw), _flat(wide).view(np.uint32))
    return wide


def encode(wide: Array) -> Array:
    """float32 to bfloat16 (as uint16), rounded to nearest, ties to even."""
    narrow = np.empty(wide.shape, np.uint16)
    _narrow(_flat(wide).view(np.uint32), _flat(narrow))
    return narrow


def finite(wide: Array) -> bool:
    return bool(_largest_exponent(_flat(wide).view(np.uint32)) < _EXPONENT)


def add(total: Array, array: Array, weight: float) -> None:
    """total += array * weight"""
    _add(_flat(total), _flat(array), np.float32(weight))


def blend(raw: Array, weights: Sequence[float]) -> Array:
    """The weighted sum of bfloat16 numbers, uint16 [models, elements], as such numbers."""
    narrow = np.empty(raw.shape[1], np.uint16)
    _blend(raw, np.asarray(weights, np.float32), narrow)
    return narrow


def products(raw: Array, deltas: bool) -> Array:
    """The dot products of every two models, bfloat16 as uint16 [models, elements], or of every two's
    differences from the first: float64, the upper triangle row by row.
    """
    first = int(deltas)
    found = np.zeros((len(raw), len(raw)))
    _products(raw, first, found)
    return found[first:, first:][np.triu_indices(len(raw) - first)]


def thin(delta: Array, kept: Array, scale: float) -> None:
    """delta *= kept (bool) * scale"""
    _thin(_flat(delta), _flat(kept), np.float32(scale))


def norms(delta: Array, kept: Array) -> tuple[float, float]:
    """L1 norms of everything and of what is kept (bool)."""
    whole, part = _norms(_flat(delta), _flat(kept))
    return whole, part


def drawn(key: int, start: int, shape: tuple[int, ...], limit: int) -> Array:
    """Where the 16 random bits of an element are below the limit: bool."""
    mask = np.empty(shape, np.bool_)
    _drawn(key & 0xFFFFFFFF, key >> 32, start, limit, _flat(mask))
    return mask


def drawn_by_rank(delta: Array, start: int, key: int, low: int, high: int) -> Array:
    """As `sparsify._drawn_by_rank`, of whole rows of two columns or more: bool."""
    from alloyengine.merge.chance import scale_of

    if low == high:
        return drawn(key, start, delta.shape, low)
    mask = np.empty(delta.shape, np.bool_)
    shift, factor = scale_of(high - low, delta.shape[1] - 1)
    words = key & 0xFFFFFFFF, key >> 32
    _drawn_by_rank(delta.view(np.uint32), *words, start, (low, high), (shift, factor), mask)
    return mask


def tally(scores: Array, low: float, high: float) -> tuple[int, int, Array, int, int]:
    """How many are above the bracket, equal to its upper end, which lie inside, how many are equal
    to its lower end, and how many are more than 0.
    """
    inside = np.empty(scores.size, np.float32)
    above, equal, count, lower, positive = _tally(
        _flat(scores), np.float32(low), np.float32(high), inside
    )
    return above, equal, inside[:count].copy(), lower, positive


def agreeing(
    changes: Sequence[Array], sign_of: Array, weights: Sequence[float] | None
) -> tuple[Array, Array | None]:
    """As `consensus.agreeing`."""
    total, sign = np.zeros(sign_of.shape, np.float32), _flat(sign_of).view(np.uint32)
    for change in changes:
        _agree(_flat(change), sign, _flat(total))
    if weights is None:
        return total, None
    divisor = np.zeros(sign_of.shape, np.float32)
    for change, weight in zip(changes, weights, strict=True):
        _take_part(_flat(change), sign, np.float32(weight), _flat(divisor))
    return total, divisor


def _flat(array: Array) -> Array:
    """The same memory in one dimension; refuses what is not contiguous."""
    view = array.view()
    view.shape = (-1,)
    return view


_loop = njit(nogil=True, cache=True, error_model="numpy")
_sum = njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc"})


@_loop
def _widen(raw: Array, bits: Array) -> None:
    for i in range(raw.size):
        bits[i] = uint32(raw[i]) << uint32(16)


@_loop
def _narrow(bits: Array, narrow: Array) -> None:
    for i in range(bits.size):
        b = bits[i]
        narrow[i] = (b + uint32(0x7FFF) + ((b >> uint32(16)) & uint32(1))) >> uint32(16)


@_loop
def _largest_exponent(bits: Array) -> Any:
    most = uint32(0)
    for i in range(bits.size):
        most = max(most, bits[i] & _EXPONENT)
    return most


@_loop
def _add(total: Array, array: Array, weight: float) -> None:
    for i in range(total.size):
        total[i] += array[i] * weight


@_loop
def _blend(raw: Array, weights: Array, narrow: Array) -> None:
    wide, total = np.empty(_RUN, np.float32), np.empty(_RUN, np.float32)
    for start in range(0, narrow.size, _RUN):
        run = narrow[start : start + _RUN]
        size = run.size
        for model in range(len(raw)):
            _widen(raw[model, start : start + size], wide[:size].view(np.uint32))
            weight = weights[model]
            if model == 0:
                for i in range(size):
                    total[i] = wide[i] * weight
            else:
                for i in range(size):
                    total[i] += wide[i] * weight
        _narrow(total[:size].view(np.uint32), run)


@_loop
def _subtract(row: Array, other: Array) -> None:
    for i in range(row.size):
        row[i] -= other[i]


@_sum
def _dot(a: Array, b: Array) -> Any:
    total = float32(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@_loop
def _products(raw: Array, first: int, found: Array) -> None:
    models, elements = raw.shape
    wide = np.empty((models, _RUN), np.float32)
    for start in range(0, elements, _RUN):
        size = min(_RUN, elements - start)
        for model in range(models):
            row = wide[model, :size]
            _widen(raw[model, start : start + size], row.view(np.uint32))
            if model and first:
                _subtract(row, wide[0, :size])
        for a in range(first, models):
            for b in range(a, models):
                found[a, b] += _dot(wide[a, :size], wide[b, :size])


@_loop
def _thin(delta: Array, kept: Array, scale: float) -> None:
    for i in range(delta.size):
        delta[i] = delta[i] * float32(kept[i]) * scale


@_sum
def _norms(delta: Array, kept: Array) -> tuple[float, float]:
    whole, part = 0.0, 0.0
    for start in range(0, delta.size, _RUN):
        all_, some = float32(0), float32(0)
        for i in range(start, min(start + _RUN, delta.size)):
            size = abs(delta[i])
            all_ += size
            some += size * float32(kept[i])
        whole += all_
        part += some
    return whole, part


@njit(nogil=True, cache=True, inline="always")
def _mixed(word: Any, low: Any, high: Any) -> Any:
    """See `chance`: 32 random bits for two elements."""
    bits = uint32(word ^ low)
    bits = uint32(uint32(bits ^ (bits >> uint32(16))) * uint32(0x7FEB352D))
    bits = uint32(bits + high)
    bits = uint32(uint32(bits ^ (bits >> uint32(15))) * uint32(0x846CA68B))
    return uint32(bits ^ (bits >> uint32(16)))


@_loop
def _halves(low: int, high: int, start: int, halves: Array) -> None:
    """See `chance.halves`: 16 random bits for each element from `start` on, as uint32."""
    first = start // 2
    below, above = uint32(low), uint32(high ^ (first >> 32))
    word, at = uint32(first & 0xFFFFFFFF), 0
    if start % 2:
        halves[0] = _mixed(word, below, above) >> uint32(16)
        word, at = uint32(word + uint32(1)), 1
    whole = (halves.size - at) // 2
    for i in range(whole):
        bits = _mixed(uint32(word + uint32(i)), below, above)
        halves[at + 2 * i] = bits & uint32(0xFFFF)
        halves[at + 2 * i + 1] = bits >> uint32(16)
    if at + 2 * whole < halves.size:
        halves[-1] = _mixed(uint32(word + uint32(whole)), below, above) & uint32(0xFFFF)


@_loop
def _drawn(low: int, high: int, start: int, limit: int, mask: Array) -> None:
    halves, bound = np.empty(_RUN, np.uint32), uint32(limit)
    for begin in range(0, mask.size, _RUN):
        run = mask[begin : begin + _RUN]
        _halves(low, high, start + begin, halves[: run.size])
        for i in range(run.size):
            run[i] = halves[i] < bound


@_loop
def _drawn_by_rank(
    bits: Array,
    low: int,
    high: int,
    start: int,
    ends: tuple[int, int],
    scale: tuple[int, int],
    mask: Array,
) -> None:
    rows, columns = bits.shape
    lowest, highest = uint32(ends[0]), uint32(ends[1])
    last = uint32(highest - uint32(1))
    shift, factor = uint32(scale[0]), uint32(scale[1])
    sizes = np.empty(2 * columns, np.uint32)
    halves, other = np.empty(columns, np.uint32), np.empty(columns, np.uint32)
    for row in range(rows):
        for i in range(columns):
            size = bits[row, i] & uint32(0x7FFFFFFF)
            sizes[i] = size + uint32(1)
            sizes[columns + i] = size
        _halves(low, high, start + row * columns, halves)
        for i in range(columns):
            within = uint32(min(max(halves[i], lowest), last) - lowest)
            step = uint32(uint32(within * factor) >> shift)
            other[i] = uint32(uint32(i) + uint32(1) + step)
        for i in range(columns):
            larger = sizes[columns + i] >= sizes[other[i]]
            mask[row, i] = (halves[i] < lowest) | (larger & (halves[i] < highest))


@_loop
def _tally(scores: Array, low: float, high: float, inside: Array) -> tuple[int, int, int, int, int]:
    above, upper, lower, positive = uint32(0), uint32(0), uint32(0), uint32(0)
    count = 0
    marks = np.zeros(_RUN, np.uint8)
    eights = marks.view(np.uint64)
    for start in range(0, scores.size, _RUN):
        run = scores[start : start + _RUN]
        for i in range(run.size):
            x = run[i]
            above = uint32(above + uint32(x > high))
            upper = uint32(upper + uint32(x == high))
            lower = uint32(lower + uint32(x == low))
            positive = uint32(positive + uint32(x > 0))
            marks[i] = (x > low) & (x < high)
        # Few lie inside: most eights of marks are 0, and passed over at once.
        for eight in range((run.size + 7) // 8):
            if eights[eight]:
                for i in range(8 * eight, min(8 * eight + 8, run.size)):
                    inside[count] = run[i]
                    count += int(marks[i])
    return int(above), int(upper), count, int(lower), int(positive)


@_loop
def _agree(change: Array, sign: Array, total: Array) -> None:
    bits = change.view(np.uint32)
    for i in range(change.size):
        total[i] += change[i] if ((bits[i] ^ sign[i]) & _SIGN) == 0 else float32(0)


@_loop
def _take_part(change: Array, sign: Array, weight: float, divisor: Array) -> None:
    bits = change.view(np.uint32)
    for i in range(change.size):
        agrees = (((bits[i] ^ sign[i]) & _SIGN) == 0) & (change[i] != 0)
        divisor[i] += weight if agrees else float32(0)
