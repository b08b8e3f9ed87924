"""Random numbers by counting: each element of a tensor has its own, whoever asks and in what order.

A mixer of 32-bit integers (two multiplications and three shifts, constants of C. Wellons' search for
low bias, "lowbias32") is applied to the index of every two elements, under two halves of a 64-bit
key. The same bits come out of numpy and torch, on any device, thread count and block size.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array
from alloyengine.merge.loops import compiled

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B
_WORD = 0xFFFFFFFF
SPAN = 1 << 16
_GAP = 16  # between rows: copying to where only the page differs is ten times slower


def key_of(key: int, model: int) -> int:
    """A key of its own for each model of a tensor (the finaliser of splitmix64)."""
    word = (key + (model + 1) * 0x9E3779B97F4A7C15) & (2**64 - 1)
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return word ^ (word >> 31)


def halves(key: int, start: int, like: Array, xp: Any) -> Array:
    """16 random bits for every element of `like`, the first of which has the index `start`: the
    halves of the words of every two elements. uint16 in numpy, int64 in torch.
    """
    first, size = start // 2, like.size if xp is np else like.numel()
    count = (start + size + 1) // 2 - first
    low, high = key & _WORD, ((key >> 32) ^ (first >> 32)) & _WORD
    if xp is np:
        bits = _words(low, high, first & _WORD, count).view(np.uint16)
    else:
        bits = _halves_of_torch(low, high, first & _WORD, count, like, xp)
    return bits[start % 2 :][:size].reshape(like.shape)


def _words(low: int, high: int, start: int, count: int) -> np.ndarray:
    bits = _counting(count) + np.uint32(start)
    bits ^= np.uint32(low)
    bits ^= bits >> np.uint32(16)
    bits *= np.uint32(_FIRST)
    bits += np.uint32(high)
    bits ^= bits >> np.uint32(15)
    bits *= np.uint32(_SECOND)
    bits ^= bits >> np.uint32(16)
    return bits


def _halves_of_torch(low: int, high: int, start: int, count: int, like: Array, xp: Any) -> Array:
    """The same in int64: torch's unsigned types lack arithmetic."""
    bits = (xp.arange(count, device=like.device) + start) & _WORD
    bits ^= low
    bits ^= bits >> 16
    bits = (bits * _FIRST + high) & _WORD
    bits ^= bits >> 15
    bits = (bits * _SECOND) & _WORD
    bits ^= bits >> 16
    return xp.stack([bits & 0xFFFF, bits >> 16], dim=1).reshape(-1)


def another(sizes: Array, drawn: Array, low: int, high: int, xp: Any) -> Array:
    """Which entries are larger than another one of their row: bool.

    `drawn`, 16 random bits for each entry, says which other, evenly, where it is from `low` to
    below `high`; elsewhere the answer has no meaning. So an entry is larger with the probability
    rank / (columns - 1), without anybody's knowing the ranks: no sorting. Of equal entries the
    later one counts as larger. `sizes`: float32 [rows, columns], never negative, two columns or more.
    """
    rows, columns = sizes.shape
    bits = sizes.view(xp.int32)
    step = _scaled(drawn, low, high - low, columns - 1, xp)
    step += _next(rows, columns, xp, sizes)
    mask: Array = bits >= _taken(_repeated(bits, xp), step, xp)
    return mask


def _repeated(bits: Array, xp: Any) -> Array:
    """Every row twice over. The others of an entry are the next columns - 1 of it; those in the
    first copy come later in the row, and win when they are equal: they are made larger by a bit.
    """
    if xp is not np:
        return xp.concatenate([bits + 1, bits], 1)
    rows, columns = bits.shape
    found = np.empty((rows, 2 * columns + _GAP), np.int32)
    np.add(bits, 1, out=found[:, :columns])
    found[:, columns : 2 * columns] = bits
    return found


def _scaled(drawn: Array, low: int, width: int, count: int, xp: Any) -> Array:
    """low … low + width as 0 … count, by a multiplication and a shift of 32 bits."""
    shift, factor = scale_of(width, count)
    if xp is not np:
        return (drawn - low).clamp(0, width - 1) * factor >> shift
    wide = drawn.astype(np.uint32)
    wide -= np.uint32(low)
    wide *= np.uint32(factor)
    wide >>= np.uint32(shift)
    return wide.view(np.int32)


def scale_of(width: int, count: int) -> tuple[int, int]:
    """The shift, and the factor, which has 16 bits: times 16 random ones it fits 32."""
    shift = max(1, (width * (SPAN - 1) // count).bit_length()) - 1
    return shift, (count << shift) // width


def _next(rows: int, columns: int, xp: Any, like: Array) -> Array:
    """In rows that are repeated: the index of each one's next."""
    if xp is not np:
        lines = xp.arange(rows, device=like.device) * (2 * columns) + 1
        return lines[:, None] + xp.arange(columns, device=like.device)
    return _next_of(rows, columns)


@lru_cache(maxsize=8)
def _next_of(rows: int, columns: int) -> np.ndarray:
    lines = np.arange(rows, dtype=np.int32) * (2 * columns + _GAP) + 1
    return lines[:, None] + np.arange(columns, dtype=np.int32)


def _taken(array: Array, index: Array, xp: Any) -> Array:
    return array.reshape(-1).take(index, mode="clip") if xp is np else xp.take(array, index)


def chosen(key: int, start: int, like: Array, probability: float, xp: Any) -> Array:
    """Which elements are drawn, each with the same probability (to 1/65536): bool, like `like`."""
    if loops := compiled(xp):
        return loops.drawn(key, start, like.shape, round(probability * SPAN))
    return below(halves(key, start, like, xp), probability)


def below(drawn: Array, probability: float) -> Array:
    """Which of these 16 random bits are below a probability: bool."""
    mask: Array = drawn < round(probability * SPAN)
    return mask


@lru_cache(maxsize=8)
def _counting(size: int) -> np.ndarray:
    return np.arange(size, dtype=np.uint32)
