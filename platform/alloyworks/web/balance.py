"""How evenly the experts of a mixture are used, as bars: a line a layer, a part an expert."""

from collections.abc import Sequence
from dataclasses import dataclass

from alloyworks.jobs.models import Job
from alloyworks.web.scores import Head

WIDTH, LEFT, BAR, STEP = 720, 40, 10, 14  # px
TONES = 8  # of .balance in job pages' styles; a ninth expert looks like the first


@dataclass(frozen=True)
class Part:
    x: float
    width: float
    tone: int
    title: str


@dataclass(frozen=True)
class Line:
    layer: int
    y: int
    parts: list[Part]


@dataclass(frozen=True)
class Balance:
    lines: list[Line]
    experts: list[tuple[int, str, str]]  # tone, name, share of all layers
    tokens: int
    height: int
    width: int = WIDTH
    left: int = LEFT
    bar: int = BAR


def drawn(job: Job, heads: dict[str, Head]) -> Balance | None:
    """None where nothing was measured."""
    found = job.reports.get("balance")
    if not found or not found["layers"]:
        return None
    names = [heads[name].label if name in heads else name for name in found["experts"]]
    asked = [_shares(layer["asked"]) for layer in found["layers"]]
    means = [sum(shares) / len(asked) for shares in zip(*asked, strict=True)]
    return Balance(
        lines=[_line(layer, shares, names) for layer, shares in enumerate(asked)],
        experts=[(i % TONES, name, f"{means[i]:.0%}") for i, name in enumerate(names)],
        tokens=found["tokens"],
        height=len(asked) * STEP,
    )


def _shares(asked: Sequence[float]) -> list[float]:
    total = sum(asked) or 1.0
    return [count / total for count in asked]


def _line(layer: int, shares: Sequence[float], names: Sequence[str]) -> Line:
    parts, at = [], float(LEFT)
    for number, share in enumerate(shares):
        width = share * (WIDTH - LEFT)
        title = f"Layer {layer}, {names[number]}: {share:.0%}"
        parts.append(Part(round(at, 1), round(width, 1), number % TONES, title))
        at += width
    return Line(layer, layer * STEP, parts)
