"""The story as a picture: what each model scores on both tasks, and what an answer takes."""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from bench.scores_chart import COLOURS, FOOT, HEAD, INK, LINE, RADIUS, ROW, STYLE, XMLNS, mark

NAMES, SCALE, GAP, BAR = 250, 300, 36, 110
COSTS = {"ms": "ms an answer", "tokens": "tokens", "GB": "GB of weights"}
WIDTH = NAMES + SCALE + (GAP + BAR) * len(COSTS) + 44


def chart(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """SVG; the rows from the top are the figures' in their order."""
    height = HEAD + ROW * len(figures) + FOOT
    most = {cost: max(row[cost] for row in figures.values()) for cost in COSTS}
    parts = [
        f'<svg {XMLNS} viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        "<title>Exact match on both tasks, and what an answer takes</title>",
        f"<style>{STYLE}</style>",
        *_heads(),
        *_axis(height - FOOT),
    ]
    for number, (name, row) in enumerate(figures.items()):
        y = HEAD + ROW * number + ROW // 2
        parts += [*_scores(name, row, y), *_bars(row, most, y)]
    return "\n".join([*parts, "</svg>", ""])


def _across(score: float) -> float:
    return round(NAMES + SCALE * score / 100, 1)


def _left(cost: int) -> int:
    return NAMES + SCALE + GAP + (GAP + BAR) * cost


def _heads() -> Iterator[str]:
    for number, task in enumerate(COLOURS):
        left = NAMES + 90 * number
        yield mark(task, left + RADIUS, 14)
        yield f'<text x="{left + 16}" y="18">{task}</text>'
    for number, label in enumerate(COSTS.values()):
        yield f'<text x="{_left(number)}" y="18">{label}</text>'


def _axis(bottom: int) -> Iterator[str]:
    for score in range(0, 101, 25):
        x = _across(score)
        yield f'<path d="M{x} {HEAD}V{bottom}" stroke="{LINE}"/>'
        yield f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{score} %</text>'


def _scores(name: str, row: Mapping[str, Any], y: int) -> Iterator[str]:
    places = {task: _across(row[task]) for task in COLOURS}
    low, high = min(places.values()), max(places.values())
    yield f'<text x="{NAMES - 14}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
    yield f'<path d="M{low} {y}H{high}" stroke="{INK}" stroke-width="2"/>'
    for task, x in places.items():
        yield mark(task, x, y)


def _bars(row: Mapping[str, Any], most: Mapping[str, float], y: int) -> Iterator[str]:
    """Each beside its number; the longest is the whole width."""
    for number, cost in enumerate(COSTS):
        width = round(max(1.0, BAR * row[cost] / (most[cost] or 1)), 1)
        left = _left(number)
        yield f'<rect x="{left}" y="{y - 5}" width="{width}" height="10" rx="2" fill="{INK}"/>'
        yield f'<text x="{left + width + 5}" y="{y + 4}">{row[cost]:g}</text>'
