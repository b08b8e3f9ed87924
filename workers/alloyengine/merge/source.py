"""One model's share of a merge: rows of a tensor as float32, wherever they come from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from alloyengine.checkpoint import Checkpoint
from alloyengine.merge.backend import Backend
from alloyengine.merge.declare import Array

if TYPE_CHECKING:
    import numpy as np

    from alloyengine.checkpoint.adapter import Adapter
    from alloyengine.merge.tokenizer import Run

Reader = Callable[[int, int], Array]
"""Rows from … to as float32 [rows, columns], in memory that the caller may overwrite."""


class Source(Protocol):
    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        """A reader of these rows, which stay mapped for as long as the reader lives."""
        ...


@dataclass(frozen=True)
class Stored:
    """A tensor as a checkpoint has it."""

    model: Checkpoint
    tensor: str
    columns: int

    def raw(self, start: int, stop: int) -> "np.ndarray":
        """Rows as the file has them, not to be written to."""
        found = self.model.window(self.tensor, start * self.columns, stop * self.columns)
        return found.reshape(stop - start, self.columns)

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        code = self.model.info(self.tensor).dtype
        raw = self.raw(start, stop)
        return lambda a, b: backend.decode(raw[a - start : b - start], code)


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
        return lambda a, b: read(a, b) + backend.load(self.adapter.rows(self.tensor, a, b))


@dataclass(frozen=True)
class Rearranged:
    """An embedding moved to another vocabulary: runs of rows, each from some model's embedding."""

    runs: "Sequence[Run]"
    embeddings: Mapping[str, Source]  # by model
    columns: int

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        pieces = [self._piece(run, start, stop, backend) for run in self.runs]
        pieces = [piece for piece in pieces if piece[1] > piece[0]]

        def read(a: int, b: int) -> Array:
            found = [
                rows(max(a, begin), min(b, end))
                for begin, end, rows in pieces
                if begin < b and end > a
            ]
            return found[0] if len(found) == 1 else backend.xp.concatenate(found)

        return read

    def _piece(
        self, run: "Run", start: int, stop: int, backend: Backend
    ) -> tuple[int, int, Reader]:
        """The part of a run that lies in the rows asked for, and its reader by output rows."""
        begin, end = max(run.start, start), min(run.start + run.count, stop)
        if end <= begin or not run.origins:
            return begin, end, lambda a, b: backend.zeros(b - a, self.columns)
        moves = [(model, first - run.start) for model, first in run.origins]
        readers = [
            (self.embeddings[model].open(begin + by, end + by, backend), by) for model, by in moves
        ]

        def read(a: int, b: int) -> Array:
            total = readers[0][0](a + readers[0][1], b + readers[0][1])
            for reader, by in readers[1:]:
                total += reader(a + by, b + by)
            return total / len(readers) if len(readers) > 1 else total

        return begin, end, read
