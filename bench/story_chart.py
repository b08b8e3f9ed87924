"""The story as a picture: what each model scores on both tasks, and what an answer takes."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.scores_chart import FOOT, HEAD, INK, ROW, Scale, opened

SCALE = Scale(names=300, width=260)
GAP, BAR = 44, 90
COSTS = {"ms": "ms an answer", "tokens": "tokens", "GB": "GB of weights"}
WIDTH = SCALE.names + SCALE.width + (GAP + BAR) * len(COSTS) + 44


def chart(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """SVG; the rows from the top are the figures' in their order."""
    height = HEAD + ROW * len(figures) + FOOT
    most = {cost: max(row[cost] for row in figures.values()) for cost in COSTS}
    parts = [
        *opened(WIDTH, height, "Exact match on both tasks, and what an answer takes"),
        *SCALE.legend(),
        *(f'<text x="{_left(n)}" y="18">{label}</text>' for n, label in enumerate(COSTS.values())),
        *SCALE.axis(height - FOOT),
    ]
    for number, (name, row) in enumerate(figures.items()):
        y = HEAD + ROW * number + ROW // 2
        parts += [*SCALE.row(name, row, y), *_bars(row, most, y)]
    return "\n".join([*parts, "</svg>", ""])


def _left(cost: int) -> int:
    return SCALE.names + SCALE.width + GAP + (GAP + BAR) * cost


def _bars(row: Mapping[str, Any], most: Mapping[str, float], y: int) -> Iterator[str]:
    """Each beside its number; the longest is the whole width."""
    for number, cost in enumerate(COSTS):
        width = round(max(1.0, BAR * row[cost] / (most[cost] or 1)), 1)
        left = _left(number)
        yield f'<rect x="{left}" y="{y - 5}" width="{width}" height="10" rx="2" fill="{INK}"/>'
        yield f'<text x="{left + width + 5}" y="{y + 4}">{row[cost]:g}</text>'
