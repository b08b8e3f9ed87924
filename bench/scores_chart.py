"""The scores as a picture: a line for each method, a mark for each task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

# Legible on white and on dark pages alike, and told apart by those who see few colours.
COLOURS = {"elements": "#3987e5", "capitals": "#e08a1e"}
INK, LINE = "#7d8590", "#7d859055"
ROW, HEAD, FOOT, RADIUS = 19, 40, 26, 6
XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
STYLE = "text{font:12px system-ui,sans-serif;fill:" + INK + "}"


@dataclass(frozen=True)
class Scale:
    """Scores from 0 to 100, right of the names. In pixels."""

    names: int
    width: int

    def across(self, score: float) -> float:
        """Where a score lies."""
        return round(self.names + self.width * score / 100, 1)

    def legend(self) -> Iterator[str]:
        for number, task in enumerate(COLOURS):
            left = self.names + 90 * number
            yield mark(task, left + RADIUS, 14)
            yield f'<text x="{left + 16}" y="18">{task}</text>'

    def axis(self, bottom: int) -> Iterator[str]:
        for score in range(0, 101, 25):
            x = self.across(score)
            yield f'<path d="M{x} {HEAD}V{bottom}" stroke="{LINE}"/>'
            yield f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{score} %</text>'

    def row(self, name: str, row: Mapping[str, Any], y: int) -> Iterator[str]:
        """A line from one task's score to the other's."""
        places = {task: self.across(row[task]) for task in COLOURS}
        low, high = min(places.values()), max(places.values())
        yield f'<text x="{self.names - 14}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
        yield f'<path d="M{low} {y}H{high}" stroke="{INK}" stroke-width="2"/>'
        for task, x in places.items():
            yield mark(task, x, y)


SCALE = Scale(names=190, width=440)
WIDTH = SCALE.names + SCALE.width + 24


def chart(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """SVG; the rows from the top are the figures' in their order."""
    height = HEAD + ROW * len(figures) + FOOT
    parts = [
        *opened(WIDTH, height, "Exact match on both tasks, the best settings of each method"),
        *SCALE.legend(),
        *SCALE.axis(height - FOOT),
    ]
    for number, (name, row) in enumerate(figures.items()):
        parts += SCALE.row(name, row, HEAD + ROW * number + ROW // 2)
    return "\n".join([*parts, "</svg>", ""])


def opened(width: int, height: int, title: str) -> list[str]:
    """How a picture begins."""
    return [
        f'<svg {XMLNS} viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
    ]


def mark(task: str, x: float, y: float) -> str:
    """A disc or a smaller diamond: where they meet, both are seen."""
    if task == "elements":
        return f'<circle cx="{x}" cy="{y}" r="{RADIUS}" fill="{COLOURS[task]}"/>'
    size = RADIUS - 1
    corners = f"M{x} {y - size}l{size} {size}l-{size} {size}l-{size} -{size}z"
    return f'<path d="{corners}" fill="{COLOURS[task]}"/>'
