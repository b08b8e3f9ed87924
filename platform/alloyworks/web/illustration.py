"""The picture on the front page: a real Spectrum scan of SmolLM2-135M-Instruct.

A digit a layer: the rank of the module's signal-to-noise ratio among those of its type, from 0
(the lowest) to 7; and which layers Spectrum-25 trains.
"""

from dataclasses import dataclass

SCAN = {
    "q_proj": ("000111132423426526756767535344", (14, 17, 18, 20, 21, 22, 23)),
    "k_proj": ("065624143575432011262310475637", (1, 3, 10, 19, 25, 27, 29)),
    "v_proj": ("555573414176462430612210036723", (4, 10, 11, 13, 18, 26, 27)),
    "o_proj": ("717463635765324125543462021001", (0, 2, 4, 6, 9, 10, 22)),
    "gate_proj": ("677765546655412233120230044131", (0, 1, 2, 3, 4, 8, 9)),
    "up_proj": ("666777655553444343232121112000", (0, 1, 2, 3, 4, 5, 6)),
    "down_proj": ("776744443653301100112222565563", (0, 1, 2, 3, 9, 25, 28)),
}
LEFT, STEP, CELL, TOP = 72, 14, 12, 6  # px


@dataclass(frozen=True)
class Cell:
    x: int
    y: int
    look: str  # of home.css: how strong, and whether it is trained


@dataclass(frozen=True)
class Line:
    label: str
    y: int  # of its words
    cells: list[Cell]


def scan() -> list[Line]:
    """A line a type of module, a cell a layer."""
    lines = []
    for number, (label, (ranks, trained)) in enumerate(SCAN.items()):
        y = TOP + number * STEP
        cells = [
            Cell(LEFT + layer * STEP, y, f"hot r{rank}" if layer in trained else f"r{rank}")
            for layer, rank in enumerate(ranks)
        ]
        lines.append(Line(label, y + CELL // 2, cells))
    return lines
