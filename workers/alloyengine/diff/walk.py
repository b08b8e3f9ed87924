"""Walks through the tensors that several models share, a block at a time, on every core."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from alloyengine.errors import Stopped
from alloyengine.merge.backend import backend
from alloyengine.merge.source import Source
from alloyengine.report import Reporter

T = TypeVar("T")
Arrays = list[np.ndarray]
_SPOTS = 16  # places of a tensor that are looked at to know its like
_SPOT = 1 << 12  # elements of each


@dataclass(frozen=True, eq=False)
class Shared:
    """A tensor of every model: float32 [rows, columns] from each source."""

    name: str
    rows: int
    columns: int
    sources: Sequence[Source]

    @property
    def numel(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True)
class Part:
    """Some rows of a tensor."""

    tensor: Shared
    start: int
    stop: int

    def blocks(self) -> Iterator[Arrays]:
        """The rows of every source, as much at once as fits the cache. May be overwritten."""
        cpu = backend("cpu")
        readers = [source.open(self.start, self.stop, cpu) for source in self.tensor.sources]
        step = max(1, cpu.block // max(1, self.tensor.columns))
        for start in range(self.start, self.stop, step):
            yield [read(start, min(start + step, self.stop)) for read in readers]


def parts_of(tensor: Shared) -> list[Part]:
    step = max(1, backend("cpu").chunk // max(1, tensor.columns))
    starts = range(0, tensor.rows, step)
    return [Part(tensor, start, min(start + step, tensor.rows)) for start in starts]


def sample_of(tensor: Shared) -> Arrays:
    """Every source's numbers at some places all over the tensor; all of a small one."""
    step = max(1, _SPOT // max(1, tensor.columns))
    if tensor.rows <= _SPOTS * step:
        starts, step = [0], tensor.rows
    else:
        starts = [int(s) for s in np.linspace(0, tensor.rows - step, _SPOTS)]
    spots = [blocks for s in starts for blocks in Part(tensor, s, s + step).blocks()]
    return [np.concatenate(pieces) for pieces in zip(*spots, strict=True)]


def walk(
    parts: Sequence[Part], look: Callable[[Part], T], phase: str, report: Reporter
) -> Iterator[T]:
    """What `look` says of every part, in order. Raises Stopped, and what `look` raises."""
    total = sum((part.stop - part.start) * part.tensor.columns for part in parts)
    done = 0
    with ExitStack() as closing:
        workers = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "diff")
        closing.callback(workers.shutdown, cancel_futures=True)
        for part, found in zip(parts, workers.map(look, parts), strict=True):
            if report.stopping():
                raise Stopped("stopped", "The comparison was stopped.")
            done += (part.stop - part.start) * part.tensor.columns
            report.progress(phase, done, total)
            yield found
