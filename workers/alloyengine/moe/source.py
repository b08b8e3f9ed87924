"""Rows that no file holds: those of a router, of a stack of experts, and noise on an expert's."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from alloyengine.merge.backend import Backend
from alloyengine.merge.declare import Array
from alloyengine.merge.source import Reader, Source

_SPAN = 1 << 16  # elements whose noise is drawn together


@dataclass(frozen=True, eq=False)
class Given:
    """Numbers that are there: float32 [rows, columns]."""

    numbers: np.ndarray

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        return lambda a, b: backend.load(self.numbers[a:b].copy())


@dataclass(frozen=True)
class Piece:
    rows: int
    source: Source


@dataclass(frozen=True)
class Joined:
    """The rows of several sources, one after the other."""

    pieces: Sequence[Piece]

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(piece.rows for piece in self.pieces))

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        def read(a: int, b: int) -> Array:
            found = []
            for number in range(bisect_right(self._ends, a), len(self.pieces)):
                piece, first = self.pieces[number], self._ends[number] - self.pieces[number].rows
                if first >= b:
                    break
                begin, end = max(a, first) - first, min(b - first, piece.rows)
                if begin < end:
                    found.append(piece.source.open(begin, end, backend)(begin, end))
            return found[0] if len(found) == 1 else backend.xp.concatenate(found)

        return read


@dataclass(frozen=True)
class Altered:
    """A tensor with normal noise of the deviation `noise` added to it, then multiplied by `scale`.

    Which noise depends on the key and on the place in the tensor alone: blocks and threads change
    nothing.
    """

    weight: Source
    columns: int
    key: int  # 64 bits
    noise: float = 0.0
    scale: float = 1.0

    def open(self, start: int, stop: int, backend: Backend) -> Reader:
        read = self.weight.open(start, stop, backend)

        def altered(a: int, b: int) -> Array:
            rows: Array = read(a, b)
            if self.noise:
                drawn = _normal(self.key, a * self.columns, b * self.columns)
                drawn *= np.float32(self.noise)
                rows += backend.load(drawn.reshape(b - a, self.columns))
            rows *= self.scale
            return rows

        return altered


def _normal(key: int, start: int, stop: int) -> np.ndarray:
    """Elements `start` to `stop` of an endless row of standard normal numbers, float32."""
    spans = range(start // _SPAN, -(-stop // _SPAN))
    drawn = [
        np.random.Generator(np.random.Philox(key=key, counter=span << 64)).standard_normal(
            _SPAN, dtype=np.float32
        )
        for span in spans
    ]
    first = spans.start * _SPAN
    found: np.ndarray = np.concatenate(drawn)[start - first : stop - first]
    return found
