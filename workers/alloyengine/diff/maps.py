"""Figures by module and layer, ready for JSON."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

from alloyengine.checkpoint.structure import Structure
from alloyengine.diff.grid import Cell, Grid, cell_of
from alloyengine.diff.moments import Moments

Number = float | None
Figure = Callable[[Moments], Number]


@dataclass(frozen=True)
class Maps:
    """Every cell of a grid with its moments."""

    grid: Grid
    cells: Mapping[Cell, Moments]

    @classmethod
    def of(cls, tensors: Mapping[str, Moments], structure: Structure) -> "Maps":
        cells: dict[Cell, Moments] = {}
        for name, found in tensors.items():
            cell = cell_of(name, structure)
            cells[cell] = cells[cell] + found if cell in cells else found
        return cls(Grid.of(cells), cells)

    def matrix(self, figure: Figure) -> list[list[Number]]:
        """Modules × layers."""
        layers = self.grid.layers
        return [[self._at(Cell(m, layer), figure) for layer in layers] for m in self.grid.modules]

    def column(self, figure: Figure) -> list[Number]:
        """Of the modules outside the layers."""
        return [self._at(Cell(module, None), figure) for module in self.grid.outside]

    def by_layer(self, figure: Figure) -> list[Number]:
        """Of each layer as a whole."""
        return [
            _over((found for cell, found in self.cells.items() if cell.layer == layer), figure)
            for layer in self.grid.layers
        ]

    def total(self, figure: Figure) -> Number:
        return _over(self.cells.values(), figure)

    def _at(self, cell: Cell, figure: Figure) -> Number:
        return figured(self.cells[cell], figure) if cell in self.cells else None


def _over(found: Iterable[Moments], figure: Figure) -> Number:
    several = list(found)
    return figured(reduce(add, several), figure) if several else None


def figured(found: Moments, figure: Figure) -> Number:
    """Six digits are plenty, and keep the report small."""
    value = figure(found)
    return None if value is None else float(f"{value:.6g}")
