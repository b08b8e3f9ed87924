"""Layer by module: where each tensor of a model belongs on a map."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from alloyengine.checkpoint.structure import Structure

_OF_ONE_MODULE = re.compile(r"\.(?:weight|bias)$")
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True)
class Cell:
    """`layer` is None of what stands outside the layers: embeddings, final norm, head."""

    module: str
    layer: int | None


def cell_of(name: str, structure: Structure) -> Cell:
    """Weight and bias of a module share a cell, and so do the experts of a layer."""
    place = structure.place(name)
    if place is None:
        return Cell(_OF_ONE_MODULE.sub("", name), None)
    module = _NUMBER.sub("*", _OF_ONE_MODULE.sub("", f".{place.rest}")).removeprefix(".")
    main = structure.stacks[0].prefix
    return Cell(
        module if place.stack.prefix == main else f"{place.stack.prefix}: {module}", place.layer
    )


@dataclass(frozen=True)
class Grid:
    """The axes of a map; modules in the order in which the model has them."""

    modules: list[str]
    layers: list[int]
    outside: list[str]

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> "Grid":
        found = list(dict.fromkeys(cells))
        inside = [cell for cell in found if cell.layer is not None]
        return cls(
            modules=list(dict.fromkeys(cell.module for cell in inside)),
            layers=list(range(1 + max((cell.layer or 0 for cell in inside), default=-1))),
            outside=[cell.module for cell in found if cell.layer is None],
        )
