"""Random numbers by counting: each element of a tensor has its own, whoever asks and in what order.

A mixer of 32-bit integers (two multiplications and three shifts, constants of C. Wellons' search for
low bias, "lowbias32") is applied to the index of every two elements, under two halves of a 64-bit
key. The same bits come out of numpy and torch, on any device, thread count and block size.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from alloyengine.merge.declare import Array

_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B
_WORD = 0xFFFFFFFF
SPAN = 1 << 16


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


def chosen(key: int, start: int, like: Array, probability: float, xp: Any) -> Array:
    """Which elements are drawn, each with the same probability (to 1/65536): bool, like `like`."""
    limit = round(probability * SPAN)
    if limit >= SPAN:
        return abs(like) >= 0
    bits = halves(key, start, like, xp)
    return bits < (np.uint16(limit) if xp is np else limit)


@lru_cache(maxsize=8)
def _counting(size: int) -> np.ndarray:
    return np.arange(size, dtype=np.uint32)
