"""Random numbers by counting: each element of a tensor has its own, whoever asks and in what order.

A mixer of 32-bit integers (two multiplications and three shifts, constants of C. Wellons' search for
low bias, "lowbias32") is applied to the element's index, under two halves of a 64-bit key. The same
bits come out of numpy and torch, on any device, thread count and block size.
"""

from functools import cache
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B
_WORD = 0xFFFFFFFF
SPAN = 1 << 32


def key_of(key: int, model: int) -> int:
    """A key of its own for each model of a tensor (the finaliser of splitmix64)."""
    word = (key + (model + 1) * 0x9E3779B97F4A7C15) & (2**64 - 1)
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return word ^ (word >> 31)


def words(key: int, start: int, like: Array, xp: Any) -> Array:
    """32 random bits for every element of `like`, the first of which has the index `start`.

    uint32 in numpy; int64 in torch, whose unsigned types lack arithmetic.
    """
    low, high = key & _WORD, (key >> 32) ^ (start >> 32)
    if xp is not np:
        return _words_of_torch(low, high, start & _WORD, like, xp)
    bits = _counting(like.size) + np.uint32(start & _WORD)
    bits ^= np.uint32(low)
    bits ^= bits >> np.uint32(16)
    bits *= np.uint32(_FIRST)
    bits += np.uint32(high & _WORD)
    bits ^= bits >> np.uint32(15)
    bits *= np.uint32(_SECOND)
    bits ^= bits >> np.uint32(16)
    return bits.reshape(like.shape)


def _words_of_torch(low: int, high: int, start: int, like: Array, xp: Any) -> Array:
    bits = (xp.arange(like.numel(), device=like.device) + start) & _WORD
    bits ^= low
    bits ^= bits >> 16
    bits = (bits * _FIRST + (high & _WORD)) & _WORD
    bits ^= bits >> 15
    bits = (bits * _SECOND) & _WORD
    bits ^= bits >> 16
    return bits.reshape(like.shape)


def chosen(key: int, start: int, like: Array, probability: float, xp: Any) -> Array:
    """Which elements are drawn, each with the same probability: bool, of the shape of `like`."""
    limit = round(probability * SPAN)
    if limit >= SPAN:
        return abs(like) >= 0
    bits = words(key, start, like, xp)
    return bits < (np.uint32(limit) if xp is np else limit)


@cache
def _counting(size: int) -> np.ndarray:
    return np.arange(size, dtype=np.uint32)
