"""The scores as a picture: a line for each method, a mark for each task."""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

# Legible on white and on dark pages alike, and told apart by those who see few colours.
COLOURS = {"elements": "#3987e5", "capitals": "#e08a1e"}
INK, LINE = "#7d8590", "#7d859055"
NAMES, SCALE, ROW, HEAD, FOOT = 190, 440, 19, 40, 26
WIDTH = NAMES + SCALE + 24
RADIUS = 6
XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
STYLE = "text{font:12px system-ui,sans-serif;fill:" + INK + "}"


def chart(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """SVG; the rows from the top are the figures' in their order. Scores from 0 to 100."""
    height = HEAD + ROW * len(figures) + FOOT
    parts = [
        f'<svg {XMLNS} viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        "<title>Exact match on both tasks, the best settings of each method</title>",
        f"<style>{STYLE}</style>",
        *_legend(),
        *_axis(height - FOOT),
    ]
    for number, (name, row) in enumerate(figures.items()):
        parts += _row(name, row, HEAD + ROW * number + ROW // 2)
    return "\n".join([*parts, "</svg>", ""])


def across(score: float) -> float:
    """Where a score lies, in pixels from the left."""
    return round(NAMES + SCALE * score / 100, 1)


def mark(task: str, x: float, y: float) -> str:
    """A disc or a smaller diamond: where they meet, both are seen."""
    if task == "elements":
        return f'<circle cx="{x}" cy="{y}" r="{RADIUS}" fill="{COLOURS[task]}"/>'
    size = RADIUS - 1
    corners = f"M{x} {y - size}l{size} {size}l-{size} {size}l-{size} -{size}z"
    return f'<path d="{corners}" fill="{COLOURS[task]}"/>'


def _legend() -> Iterator[str]:
    for number, task in enumerate(COLOURS):
        left = NAMES + 90 * number
        yield mark(task, left + RADIUS, 14)
        yield f'<text x="{left + 16}" y="18">{task}</text>'


def _axis(bottom: int) -> Iterator[str]:
    for score in range(0, 101, 25):
        x = across(score)
        yield f'<path d="M{x} {HEAD}V{bottom}" stroke="{LINE}"/>'
        yield f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{score} %</text>'


def _row(name: str, row: Mapping[str, Any], y: int) -> Iterator[str]:
    places = {task: across(row[task]) for task in COLOURS}
    low, high = min(places.values()), max(places.values())
    yield f'<text x="{NAMES - 14}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
    yield f'<path d="M{low} {y}H{high}" stroke="{INK}" stroke-width="2"/>'
    for task, x in places.items():
        yield mark(task, x, y)
