"""A histogram as an SVG: bars, a few round numbers below, and marks at quantiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, BELOW = 720, 150, 22  # px; below the bars stand the numbers
GAP = 2
TICKS = 6
MARKS = ("p50", "p90", "p99")


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Mark:
    x: float
    label: str


@dataclass(frozen=True)
class Histogram:
    bars: list[Bar]
    ticks: list[Mark]
    marks: list[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    full_height: int = HEIGHT + BELOW


def drawn(
    bins: Sequence[Mapping[str, int]], quantiles: Mapping[str, float], unit: str
) -> Histogram | None:
    """`bins` of one width, from 0 on; None when nothing was counted."""
    most = max((bin_["examples"] for bin_ in bins), default=0)
    if not most:
        return None
    end = bins[-1]["end"]
    scale = WIDTH / end
    bars = [_bar(bin_, most, scale, unit) for bin_ in bins if bin_["examples"]]
    step = max(1, round(len(bins) / TICKS))
    ticks = [Mark(bin_["start"] * scale, f"{bin_['start']:,}") for bin_ in bins[::step]]
    marks = [Mark(quantiles[name] * scale, name) for name in MARKS if name in quantiles]
    return Histogram(bars, ticks, marks)


def _bar(bin_: Mapping[str, int], most: int, scale: float, unit: str) -> Bar:
    # The fewest examples are still to be seen.
    height = max(2.0, HEIGHT * bin_["examples"] / most)
    return Bar(
        x=round(bin_["start"] * scale + GAP / 2, 2),
        y=round(HEIGHT - height, 2),
        width=round(max(1.0, (bin_["end"] - bin_["start"]) * scale - GAP), 2),
        height=round(height, 2),
        title=f"{bin_['start']:,} to {bin_['end'] - 1:,} {unit}: {bin_['examples']:,} examples",
    )
