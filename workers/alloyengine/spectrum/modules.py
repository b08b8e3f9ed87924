"""Modules of a model as Spectrum sees them, known from tensor names alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from alloyengine.checkpoint import TensorInfo

_IN_LAYER = re.compile(r"(?:.*?\.)?(?P<layer>\d+)\.(?P<type>.+)")


@dataclass(frozen=True)
class Module:
    """A 2-D weight inside a layer. Its type is the path after the layer's number."""

    name: str
    type: str
    layer: int

    @property
    def tensor(self) -> str:
        return f"{self.name}.weight"


@dataclass(frozen=True)
class Scored:
    """A module and its signal-to-noise ratio."""

    module: Module
    snr: float


def modules_of(tensors: Iterable[tuple[str, TensorInfo]]) -> list[Module]:
    """Every module that can be scored, by layer, then in the order of the tensors."""
    names = (
        name.removesuffix(".weight")
        for name, info in tensors
        if len(info.shape) == 2 and name.endswith(".weight")
    )
    places = ((name, _IN_LAYER.fullmatch(name)) for name in names)
    found = [Module(name, at["type"], int(at["layer"])) for name, at in places if at]
    return sorted(found, key=lambda module: module.layer)
