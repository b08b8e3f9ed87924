"""Scores as a table: a line a model, a column a test set and metric, the best in each column."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alloyengine.spec import metrics

CONFIDENT = 1.96  # standard errors: 95% of a normal distribution


@dataclass(frozen=True)
class Metric:
    label: str
    better: str
    lower_is_better: bool
    percent: bool


METRICS = {
    name: Metric(
        about.label,
        "lower is better" if about.lower_is_better else "higher is better",
        lower_is_better=about.lower_is_better,
        percent=about.share,
    )
    for name, about in metrics.METRICS.items()
}


@dataclass(frozen=True)
class Figure:
    """One measured score; `model` and `dataset` are whatever names them in the table's heads."""

    model: Hashable
    dataset: Hashable
    metric: str
    value: float
    stderr: float | None
    examples: int


@dataclass(frozen=True)
class Head:
    """What a line or a column is called, and where to read of it."""

    label: str
    url: str = ""


@dataclass(frozen=True)
class Cell:
    figure: Figure
    value: str
    stderr: str
    best: bool
    bar: float  # % of the width
    whisker: tuple[float, float] | None  # one standard error to both sides, % of the width
    difference: str = ""  # to the reference
    better: bool = False
    sure: bool = True  # the difference is larger than chance explains


@dataclass(frozen=True)
class Column:
    head: Head
    metric: Metric
    examples: int

    @property
    def arrow(self) -> str:
        return "↓" if self.metric.lower_is_better else "↑"


@dataclass(frozen=True)
class Line:
    head: Head
    cells: list[Cell | None]
    is_reference: bool = False


@dataclass(frozen=True)
class Table:
    columns: list[Column]
    lines: list[Line]
    has_gaps: bool


def table_of(
    figures: Iterable[Figure],
    models: Mapping[Any, Head],
    datasets: Mapping[Any, Head],
    reference: Hashable = None,
) -> Table:
    """Lines and columns in the order of the heads; of one score measured twice, the last."""
    known = {(f.model, f.dataset, f.metric): f for f in figures}
    keys = [(d, m) for d in datasets for m in METRICS if any(k[1:] == (d, m) for k in known)]
    columns = [[known.get((model, *key)) for model in models] for key in keys]
    compared = [known.get((reference, *key)) for key in keys]
    cells = [
        [_cell(figure, column, base) for figure in column]
        for column, base in zip(columns, compared, strict=True)
    ]
    lines = [
        Line(head, [column[i] for column in cells], is_reference=model == reference)
        for i, (model, head) in enumerate(models.items())
    ]
    heads = [
        Column(datasets[dataset], METRICS[metric], max(f.examples for f in column if f))
        for (dataset, metric), column in zip(keys, columns, strict=True)
    ]
    gaps = any(cell is None for line in lines for cell in line.cells)
    return Table(heads, lines, has_gaps=gaps)


def _cell(
    figure: Figure | None, column: Sequence[Figure | None], base: Figure | None
) -> Cell | None:
    if figure is None:
        return None
    metric, given = METRICS[figure.metric], [f for f in column if f]
    values = [f.value for f in given]
    best = (min if metric.lower_is_better else max)(values)
    most = 1.0 if metric.percent else max(f.value + (f.stderr or 0) for f in given) or 1.0
    error, value = figure.stderr, figure.value
    whisker = None
    if error:
        whisker = (_share(value - error, most), _share(value + error, most))
    told = _difference(figure, base, metric) if base not in (None, figure) else {}
    return Cell(
        figure=figure,
        value=_words(value, metric),
        stderr=_words(error, metric).removesuffix("%") if error is not None else "",
        best=value == best and len(values) > 1,
        bar=_share(value, most),
        whisker=whisker,
        **told,
    )


def _difference(figure: Figure, base: Figure, metric: Metric) -> dict[str, Any]:
    change = figure.value - base.value
    error = math.hypot(figure.stderr or 0, base.stderr or 0)
    sign = "+" if change > 0 else "−" if change < 0 else "±"
    return {
        # Of two shares, the difference is in percentage points.
        "difference": f"{sign}{_words(abs(change), metric)}".replace("%", " pp"),
        "better": (change < 0) == metric.lower_is_better and change != 0,
        "sure": abs(change) > CONFIDENT * error,
    }


def _words(value: float, metric: Metric) -> str:
    if metric.percent:
        return f"{100 * value:.1f}%"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _share(value: float, most: float) -> float:
    return round(100 * min(max(value / most, 0.0), 1.0), 2)
