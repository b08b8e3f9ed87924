"""A weight matrix as its file has it: float32 only part by part, since most files hold half as much."""

from dataclasses import dataclass

import numpy as np

from alloyengine.merge.arrays import decode


@dataclass(frozen=True)
class Matrix:
    """`stored`: 2-D, in the file's type `code` (see `Checkpoint.window`)."""

    stored: np.ndarray
    code: str = "F32"

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.stored.shape
        return rows, columns

    @property
    def is_wide(self) -> bool:
        """Whether its Gram matrix is the sum over its columns, rather than its rows."""
        rows, columns = self.shape
        return rows <= columns

    def part(self, start: int, stop: int) -> np.ndarray:
        """Some columns where it is wide, else some rows; float32."""
        part = slice(start, stop)
        found = self.stored[:, part] if self.is_wide else self.stored[part]
        return decode(np.ascontiguousarray(found), self.code)

    def whole(self) -> np.ndarray:
        """float32."""
        return decode(self.stored, self.code)
