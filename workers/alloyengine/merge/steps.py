"""One tensor of the output, and how it is made."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alloyengine.merge.declare import Method, Settings
from alloyengine.merge.source import Source, Stored


@dataclass(frozen=True)
class Step:
    """Without a method the only source's numbers are copied as they are."""

    tensor: str
    shape: tuple[int, ...]
    dtype: str  # the file's code
    columns: int  # the tensor is worked on as rows of so many numbers
    method: Method | None
    settings: Settings
    sources: Sequence[Source]

    @property
    def original(self) -> Stored:
        """Where a step without a method copies from."""
        match self.sources:
            case [Stored() as stored]:
                return stored
        raise TypeError(f"{self.tensor}: only a single stored tensor can be copied")

    @property
    def rows(self) -> int:
        return self.numel // self.columns if self.columns else 0

    @property
    def numel(self) -> int:
        return math.prod(self.shape)


def columns_of(shape: Sequence[int]) -> int:
    """A row runs along the last dimension; a vector is one row."""
    return shape[-1] if shape else 1
