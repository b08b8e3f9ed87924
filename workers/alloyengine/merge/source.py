"""One model's share of a merge: rows of a tensor as float32, wherever they come from."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from alloyengine.checkpoint import Checkpoint
from alloyengine.merge.backend import Backend
from alloyengine.merge.declare import Array

if TYPE_CHECKING:
    import numpy as np

    from alloyengine.checkpoint.adapter import Adapter
    from alloyengine.merge.tokenizer import Run

_FEW = 16  # runs

Reader = Callable[[int, int], Array]
"""Rows from … to as float32 [rows, columns], in memory that the caller may overwrite."""


class Source(Protocol):
    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        """A reader of these rows."""
        ...


@dataclass(frozen=True)
class Stored:
    """A tensor as a checkpoint has it."""

    model: Checkpoint
    tensor: str
    columns: int

    @property
    def dtype(self) -> str:
        return self.model.info(self.tensor).dtype

    def raw(self, start: int, stop: int) -> "np.ndarray":
        """Rows as the file has them, not to be written to."""
        found = self.model.window(self.tensor, start * self.columns, stop * self.columns)
        return found.reshape(stop - start, self.columns)

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        code = self.dtype
        return lambda a, b: backend.decode(self.raw(a, b), code)


@dataclass(frozen=True)
class Adapted:
    """A tensor with a LoRA adapter's change added to it, or replaced by the adapter's own."""

    weight: Source
    tensor: str
    adapter: "Adapter"

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        if self.adapter.replaces(self.tensor):
            return lambda a, b: backend.load(self.adapter.replacement(self.tensor, a, b))
        read = self.weight.open(start, stop, backend)
        return lambda a, b: self.adapter.adapted(self.tensor, a, read(a, b), backend.load)


@dataclass(frozen=True)
class Rearranged:
    """An embedding moved to another vocabulary: runs of rows, each from some model's embedding."""

    runs: "Sequence[Run]"  # in order, without gaps
    embeddings: Mapping[str, Source]  # by model
    columns: int

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        first = bisect_right(self._starts, start) - 1
        last = bisect_left(self._starts, stop)
        pieces = self.runs[first:last]
        read = self._joined if len(pieces) <= _FEW else self._scattered
        return read(pieces, start, stop, backend)

    @cached_property
    def _starts(self) -> list[int]:
        return [run.start for run in self.runs]

    def _joined(self, runs: "Sequence[Run]", start: int, stop: int, backend: Backend) -> Reader:
        """Of a few runs: each is opened by itself."""
        bounds = [(max(run.start, start), min(run.start + run.count, stop)) for run in runs]
        readers = [
            self._of_run(run, *bound, backend) for run, bound in zip(runs, bounds, strict=True)
        ]

        def read(a: int, b: int) -> Array:
            found = [
                reader(max(a, begin), min(b, end))
                for (begin, end), reader in zip(bounds, readers, strict=True)
                if begin < b and end > a
            ]
            return found[0] if len(found) == 1 else backend.xp.concatenate(found)

        return read

    def _scattered(self, runs: "Sequence[Run]", start: int, stop: int, backend: Backend) -> Reader:
        """Of many runs, often of a single row: all rows of one model are fetched at once."""
        rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
        special = []
        for run in runs:
            if len(run.origins) != 1:
                special.append(run)
                continue
            ((model, first),) = run.origins
            begin, end = max(run.start, start), min(run.start + run.count, stop)
            rows[model] += [(row, first + row - run.start) for row in range(begin, end)]

        def read(a: int, b: int) -> Array:
            found = backend.zeros(b - a, self.columns)
            for model, pairs in rows.items():
                here = [(row - a, at) for row, at in pairs if a <= row < b]
                if here:
                    places, wanted = zip(*here, strict=True)
                    found[list(places)] = _gather(self.embeddings[model], wanted, backend)
            for run in special:
                begin, end = max(run.start, a), min(run.start + run.count, b)
                if begin < end:
                    found[begin - a : end - a] = self._of_run(run, begin, end, backend)(begin, end)
            return found

        return read

    def _of_run(self, run: "Run", begin: int, end: int, backend: Backend) -> Reader:
        """Rows begin … end, which lie in the run: the mean of the run's origins."""
        if not run.origins:
            return lambda a, b: backend.zeros(b - a, self.columns)
        moves = [(model, first - run.start) for model, first in run.origins]
        readers = [
            (self.embeddings[model].open(begin + by, end + by, backend), by) for model, by in moves
        ]

        def read(a: int, b: int) -> Array:
            total = readers[0][0](a + readers[0][1], b + readers[0][1])
            for reader, by in readers[1:]:
                total += reader(a + by, b + by)
            return total / len(readers) if len(readers) > 1 else total

        return read


def _gather(source: Source, rows: Sequence[int], backend: Backend) -> Array:
    """Single rows from anywhere in a tensor."""
    low, high = min(rows), max(rows) + 1
    wanted = [row - low for row in rows]
    if isinstance(source, Stored):
        raw = source.raw(low, high)[wanted]
        return backend.decode(raw, source.dtype)
    return source.open(low, high, backend)(low, high)[wanted]
