"""The process made ready for training: its cores, and its memory."""

import ctypes
import os

import torch

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # of <malloc.h>
_PAD = 64 << 20  # bytes that the heap grows by, at least


def make_ready() -> None:
    """Once, before anything large is allocated."""
    use_all_cores()
    keep_freed_memory()


def use_all_cores() -> None:
    """Torch counts a hyper-threaded pair as one core; OMP_NUM_THREADS still has the last word."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))


def keep_freed_memory() -> None:
    """Every step frees its gradients and activations, and the next one needs as much again.

    glibc gives large blocks back to the system at once, which hands them out again page by page,
    cleared: a tenth to a quarter of a step. The most that the process holds hardly grows. Other
    libraries of C have no such setting.
    """
    settle = getattr(ctypes.CDLL(None), "mallopt", None)
    if settle is None:
        return
    for setting, value in (
        (_MMAP_MAX, 0),
        (_TRIM_THRESHOLD, -1),  # never
        (_TOP_PAD, _PAD),
        (_ARENA_MAX, 1),
    ):
        settle(setting, value)
