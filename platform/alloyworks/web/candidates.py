"""The candidates of an evolution as a picture: one task against the other, or scores by generation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alloyworks.jobs.models import Job
from alloyworks.web.scores import Head

WIDTH, HEIGHT, LEFT, BELOW, ROOM = 720, 300, 56, 40, 12  # px
TICKS = 5
AGES = 5  # shades, from the first generations to the last
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    look: str  # how late, given up, on the front, the best
    title: str


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Scatter:
    dots: list[Dot]
    across: list[Tick]
    upwards: list[Tick]
    names: tuple[str, str]  # of the axes
    front: str  # points of the line through the best trade-offs; empty where there are none
    tried: int
    failed: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    full_height: int = HEIGHT + BELOW


def drawn(job: Job, heads: Mapping[str, Head]) -> Scatter | None:
    """None while there is no candidate."""
    found = job.reports.get("candidates") or {}
    rows: list[Row] = found.get("rows", [])
    if not rows:
        return None
    tasks = [heads.get(task["dataset"], Head(task["dataset"])).label for task in job.spec["tasks"]]
    two = len(tasks) > 1
    names = (tasks[0], tasks[1]) if two else ("Generation", tasks[0])
    points = [_values(row, two) for row in rows]
    across, upwards = (_Axis.of([point[i] for point in points]) for i in (0, 1))
    whole = [number for number, row in enumerate(rows) if row["whole"]]
    best = max(whole, key=lambda number: rows[number]["score"], default=-1)
    front = _front([points[number] for number in whole]) if two else []
    last = max(row["generation"] for row in rows) or 1

    def x(value: float) -> float:
        return round(LEFT + ROOM + across.share(value) * (WIDTH - LEFT - 2 * ROOM), 1)

    def y(value: float) -> float:
        return round(HEIGHT - ROOM - upwards.share(value) * (HEIGHT - 2 * ROOM), 1)

    dots = [
        Dot(x(point[0]), y(point[1]), _look(row, last, number == best, point in front), _title(row))
        for number, (row, point) in enumerate(zip(rows, points, strict=True))
    ]
    return Scatter(
        dots=sorted(dots, key=lambda dot: "best" in dot.look),
        across=[Tick(x(value), f"{value:g}") for value in across.ticks],
        upwards=[Tick(y(value), f"{value:g}") for value in upwards.ticks],
        names=names,
        front=" ".join(f"{x(a)},{y(b)}" for a, b in front) if len(front) > 1 else "",
        tried=found["tried"],
        failed=found["failed"],
    )


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "_Axis":
        low, high = min(values), max(values)
        return cls(low, high) if high > low else cls(low - 0.05, high + 0.05)

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        step = (self.high - self.low) / (TICKS - 1)
        return [float(f"{self.low + number * step:.3g}") for number in range(TICKS)]


def _values(row: Row, two: bool) -> tuple[float, float]:
    if two:
        return row["worths"][0], row["worths"][1]
    return float(row["generation"]), row["score"]


def _front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those that no other is better than in both, from left to right."""
    found: list[tuple[float, float]] = []
    for point in sorted(set(points), reverse=True):
        if not found or point[1] > found[-1][1]:
            found.append(point)
    return found[::-1]


def _look(row: Row, last: int, best: bool, front: bool) -> str:
    names: list[tuple[str, Callable[[], bool]]] = [
        ("best", lambda: best),
        ("front", lambda: front and row["whole"]),
        ("early", lambda: not row["whole"]),
    ]
    age = min(AGES - 1, row["generation"] * AGES // (last + 1))
    return " ".join(["dot", f"age{age}", *(name for name, is_so in names if is_so())])


def _title(row: Row) -> str:
    worths = ", ".join(f"{worth:.3f}" for worth in row["worths"])
    given_up = "" if row["whole"] else ", given up early"
    return f"Candidate {row['number']} of generation {row['generation']}: {worths}{given_up}"
