"""What an extraction is asked for."""

import re
from dataclasses import dataclass, field
from typing import Literal

from alloyengine.errors import InputError
from alloyengine.lora.decompose import Wanted

RANK = 32
DTYPES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}


@dataclass(frozen=True)
class Settings:
    """`alpha` over rank is the scale before the factors; None: the scale is 1.

    Embeddings by `auto` are decomposed, but left out when the head shares them: PEFT adapts the
    embedding alone as long as the adapter is not merged.
    """

    wanted: Wanted = field(default_factory=lambda: Wanted(rank=RANK))
    alpha: float | None = None
    include: str = ""
    exclude: str | None = None
    embeddings: Literal["auto", "lora", "save", "skip"] = "auto"
    others: Literal["save", "skip"] = "save"
    dtype: str = "float32"
    device: str = "cpu"

    def __post_init__(self) -> None:
        """InputError names what makes no sense."""
        rank, energy = self.wanted.rank, self.wanted.energy
        if rank is not None and rank < 1:
            raise _wrong("rank", rank, "Take 1 or more.")
        if energy is not None and not 0 < energy <= 1:
            raise _wrong("energy", energy, "Take a share, above 0 and up to 1.")
        if self.alpha is not None and (rank is None or self.alpha <= 0):
            raise _wrong("alpha", self.alpha, "Take a number above 0, and say the rank too.")
        if self.dtype not in DTYPES:
            raise _wrong("dtype", self.dtype, f"Take one of {', '.join(DTYPES)}.")
        for name in ("include", "exclude"):
            try:
                re.compile(getattr(self, name) or "")
            except re.error as error:
                raise _wrong(
                    name, getattr(self, name), f"No regular expression: {error}."
                ) from None

    @property
    def scale(self) -> float:
        return 1.0 if self.alpha is None else self.alpha / (self.wanted.rank or RANK)

    def takes(self, module: str) -> bool:
        if self.exclude is not None and re.search(self.exclude, module):
            return False
        return re.search(self.include, module) is not None


def _wrong(name: str, value: object, remedy: str) -> InputError:
    return InputError("extraction_wrong", f"--{name} {value} makes no sense.", remedy)
