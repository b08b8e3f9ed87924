"""Modules of a model as Spectrum sees them, known from tensor names alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from alloyengine.checkpoint import TensorInfo

_IN_LAYER = re.compile(r"(?:.*?\.)?(?P<layer>\d+)\.(?P<type>.+)")


@dataclass(frozen=True)
class Module:
    """A weight inside a layer: a matrix, or a stack of the experts' matrices, [experts, …, …].

    It is trained or frozen as a whole. Its type is the path after the layer's number.
    """

    name: str  # of the module; of the tensor itself where that has no module of its own
    type: str
    layer: int
    tensor: str
    shape: tuple[int, ...]

    @property
    def matrices(self) -> int:
        return self.shape[0] if len(self.shape) == 3 else 1

    @property
    def numel(self) -> int:
        return self.rows * self.columns * self.matrices

    @property
    def rows(self) -> int:
        return self.shape[-2]

    @property
    def columns(self) -> int:
        return self.shape[-1]


@dataclass(frozen=True)
class Scored:
    """A module and its signal-to-noise ratio: of a stack of experts the mean of theirs."""

    module: Module
    snr: float
    experts: tuple[float, ...] = ()  # each one's, where they are stacked
    doubt: float = 0.0  # the share by which the ratio may be off


def modules_of(tensors: Iterable[tuple[str, TensorInfo]]) -> list[Module]:
    """Every module that can be scored, by layer, then in the order of the tensors."""
    found = (_module(name, info) for name, info in tensors)
    return sorted((module for module in found if module), key=lambda module: module.layer)


def _module(tensor: str, info: TensorInfo) -> Module | None:
    name, dot, last = tensor.rpartition(".")
    if last != "weight" or not dot:
        name = tensor
    matrix = len(info.shape) == 2 and last == "weight"
    stacked = len(info.shape) == 3 and "expert" in tensor
    place = _IN_LAYER.fullmatch(name)
    if not (matrix or stacked) or not place or not all(info.shape):
        return None
    return Module(name, place["type"], int(place["layer"]), tensor, info.shape)
