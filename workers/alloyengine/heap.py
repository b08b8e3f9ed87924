"""How glibc's heap keeps what was freed. Other libraries of C have no such settings.

Each is for a whole process, and for what is allocated later: call it first.
"""

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8  # <malloc.h>
_PAD = 64 << 20  # bytes that the heap grows by, at least
_LARGE = 1 << 20


def keep_freed() -> None:
    """For work whose every step frees what the next one needs again, such as training.

    glibc gives large blocks back to the system at once, which hands them out again page by page,
    cleared: a tenth to a quarter of a step. The most that the process holds hardly grows.
    """
    _set((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, _PAD), (_ARENA_MAX, 1))


def keep_some() -> None:
    """For blocks of some megabytes one after the other, as of merges: what one leaves behind is kept for
    the next, up to 256 MB. Else they come again page by page, which takes longer than the arithmetic.
    """
    _set((_MMAP_THRESHOLD, 1 << 25), (_TRIM_THRESHOLD, 1 << 28))


def give_back() -> None:
    """For work in threads that holds a few large blocks, each but once.

    glibc has a heap for each thread, and learns to keep large blocks in it: between blocks of other sizes they
    are holes. A scan of 1.1B took half as much again.
    """
    _set((_ARENA_MAX, 1), (_MMAP_THRESHOLD, _LARGE))


def _set(*settings: tuple[int, int]) -> None:
    settle = getattr(ctypes.CDLL(None), "mallopt", None)
    if settle is not None:
        for setting, value in settings:
            settle(setting, value)
