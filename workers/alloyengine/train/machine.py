"""The process made ready for training: its cores, and its memory."""

import os

import torch

from alloyengine import heap


def make_ready() -> None:
    """Once, before anything large is allocated."""
    use_all_cores()
    heap.keep_freed()


def use_all_cores() -> None:
    """Torch counts a hyper-threaded pair as one core; OMP_NUM_THREADS still has the last word."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
