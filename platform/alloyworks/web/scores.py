"""Scores as a table: a line a model, a column a test set and metric, the best in each column."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.urls import reverse

from alloyengine.spec import metrics
from alloyworks.catalog.models import Evaluation

CONFIDENT = 1.96  # standard errors: 95% of a normal distribution


@dataclass(frozen=True)
class Metric:
    label: str
    better: str
    lower_is_better: bool
    percent: bool


# Of a task's metrics, those that are shares.
_SHARES = {"acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "f1", "em"}
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
    lower_is_better: bool = False  # of a metric that is a task's

    @classmethod
    def of(cls, row: Evaluation) -> Self:
        """By what names the test set or the task."""
        return cls(
            row.model_version_id,
            row.asked,
            row.metric,
            row.value,
            row.stderr,
            row.examples,
            row.lower_is_better,
        )


@dataclass(frozen=True)
class Verdict:
    """What the paired comparison of two models said of a difference."""

    sure: bool
    better: bool
    words: str


@dataclass(frozen=True)
class Head:
    """What a line or a column is called, and where to read of it."""

    label: str
    url: str = ""


def asked(row: Evaluation) -> Head:
    """The test set or the task of a score."""
    if row.dataset is None:
        return Head(row.task)
    return Head(row.dataset.name, reverse("dataset", args=[row.dataset_id]))


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
    why: str = ""  # how that is known


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
    verdicts: Mapping[tuple[Hashable, Hashable, str], Verdict] | None = None,
) -> Table:
    """Lines and columns in the order of the heads; of one score measured twice, the last.

    `verdicts` tell of (model, test set, metric) what comparing example by example with the reference
    said; of others, errors of both scores tell how large a difference chance explains.
    """
    known = {(f.model, f.dataset, f.metric): f for f in figures}
    measured = [*METRICS, *dict.fromkeys(key[2] for key in known if key[2] not in METRICS)]
    keys = [(d, m) for d in datasets for m in measured if any(k[1:] == (d, m) for k in known)]
    metrics = {key[1:]: _metric(figure) for key, figure in known.items()}
    columns = [[known.get((model, *key)) for model in models] for key in keys]
    compared = [known.get((reference, *key)) for key in keys]
    cells = [
        [_cell(figure, column, base, metrics[key], verdicts or {}) for figure in column]
        for key, column, base in zip(keys, columns, compared, strict=True)
    ]
    lines = [
        Line(head, [column[i] for column in cells], is_reference=model == reference)
        for i, (model, head) in enumerate(models.items())
    ]
    heads = [
        Column(datasets[dataset], metrics[dataset, metric], max(f.examples for f in column if f))
        for (dataset, metric), column in zip(keys, columns, strict=True)
    ]
    gaps = any(cell is None for line in lines for cell in line.cells)
    return Table(heads, lines, has_gaps=gaps)


def _metric(figure: Figure) -> Metric:
    if figure.metric in METRICS:
        return METRICS[figure.metric]
    lower = figure.lower_is_better
    words = "lower is better" if lower else "higher is better"
    percent = figure.metric.partition(",")[0] in _SHARES and not lower
    return Metric(figure.metric, words, lower_is_better=lower, percent=percent)


def _cell(
    figure: Figure | None,
    column: Sequence[Figure | None],
    base: Figure | None,
    metric: Metric,
    verdicts: Mapping[tuple[Hashable, Hashable, str], Verdict],
) -> Cell | None:
    if figure is None:
        return None
    given = [f for f in column if f]
    values = [f.value for f in given]
    best = (min if metric.lower_is_better else max)(values)
    most = 1.0 if metric.percent else max(f.value + (f.stderr or 0) for f in given) or 1.0
    error, value = figure.stderr, figure.value
    whisker = None
    if error:
        whisker = (_share(value - error, most), _share(value + error, most))
    told: dict[str, Any] = {}
    if base is not None and base != figure:
        verdict = verdicts.get((figure.model, figure.dataset, figure.metric))
        told = _difference(figure, base, metric, verdict)
    return Cell(
        figure=figure,
        value=_words(value, metric),
        stderr=_words(error, metric).removesuffix("%") if error is not None else "",
        best=value == best and len(values) > 1,
        bar=_share(value, most),
        whisker=whisker,
        **told,
    )


def _difference(
    figure: Figure, base: Figure, metric: Metric, verdict: Verdict | None
) -> dict[str, Any]:
    change = figure.value - base.value
    error = math.hypot(figure.stderr or 0, base.stderr or 0)
    verdict = verdict or Verdict(
        abs(change) > CONFIDENT * error,
        (change < 0) == metric.lower_is_better and change != 0,
        "Compared with the standard errors of both (95%)",
    )
    sign = "+" if change > 0 else "−" if change < 0 else "±"
    return {
        # Of two shares, the difference is in percentage points.
        "difference": f"{sign}{_words(abs(change), metric)}".replace("%", " pp"),
        "better": verdict.better,
        "sure": verdict.sure,
        "why": verdict.words,
    }


def _words(value: float, metric: Metric) -> str:
    if metric.percent:
        return f"{100 * value:.1f}%"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _share(value: float, most: float) -> float:
    return round(100 * min(max(value / most, 0.0), 1.0), 2)
