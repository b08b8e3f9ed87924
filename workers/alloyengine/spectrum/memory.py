"""What training takes for weights, gradients and optimiser, by what is trained."""

import re
from collections.abc import Callable, Mapping, Sequence

from alloyengine.checkpoint import TensorInfo
from alloyengine.errors import InputError
from alloyengine.spectrum.modules import Module

WEIGHT = 4  # bytes: trained weights are float32, so that small changes are not lost
TRAINED = 12  # more for a trained weight: its gradient, and AdamW's two means

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B)\s*", re.IGNORECASE)


def fits_in(
    budget: int, tensors: Mapping[str, TensorInfo], always: Sequence[str]
) -> Callable[[list[Module]], bool]:
    """Whether so many modules may be trained beside what always is, such as the embedding."""
    fixed = WEIGHT * sum(info.numel for info in tensors.values())
    fixed += TRAINED * sum(tensors[name].numel for name in always)

    def fits(chosen: list[Module]) -> bool:
        return fixed + TRAINED * sum(module.numel for module in chosen) <= budget

    return fits


def bytes_of(words: str) -> int:
    """Of `6GB`, `800 MB` or `6GiB`."""
    found = _SIZE.fullmatch(words)
    if not found:
        raise InputError("size", f"{words!r} is no size.", "Write it like 6GB or 800MB.")
    return int(float(found[1]) * _UNITS[found[2].upper()])
