"""What answering took, model by model: on an evaluation's page, beside the scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alloyengine.spec.result import Score
from alloyworks.web.scores import Head


@dataclass(frozen=True)
class Bar:
    words: str
    share: float  # of the largest, %


@dataclass(frozen=True)
class Line:
    """Of one model or mixture, on average over the test sets that were scored: for each example."""

    head: Head
    seconds: Bar
    tokens: Bar | None  # None: not counted, as of choices by likelihood
    memory: Bar


@dataclass(frozen=True)
class _Mean:
    seconds: float
    tokens: float | None
    memory: float


def lines(scores: Iterable[Score], heads: Mapping[str, Head]) -> list[Line]:
    """In the order of the heads; empty when nothing is known, as of older evaluations."""
    told = [score for score in scores if score.cost is not None]
    of_model = {name: [score for score in told if score.model == name] for name in heads}
    means = {name: _mean(found) for name, found in of_model.items() if found}
    most = [_most(values) for values in _columns(means.values())]
    return [_line(heads[name], mean, most) for name, mean in means.items()]


def _mean(scores: Sequence[Score]) -> _Mean:
    costs = [(score.cost, score.examples) for score in scores if score.cost]
    examples = sum(count for _, count in costs)
    # Tokens of those sets alone where they were counted.
    counted = [
        (c.read + c.written, n) for c, n in costs if c.read is not None and c.written is not None
    ]
    tokens = sum(t for t, _ in counted) / sum(n for _, n in counted) if counted else None
    seconds = sum(cost.seconds for cost, _ in costs) / examples
    return _Mean(seconds, tokens, max(cost.memory for cost, _ in costs))


def _columns(means: Iterable[_Mean]) -> list[list[float]]:
    given = list(means)
    return [
        [mean.seconds for mean in given],
        [mean.tokens for mean in given if mean.tokens is not None],
        [mean.memory for mean in given],
    ]


def _most(values: Sequence[float]) -> float:
    return max(values, default=0.0) or 1.0


def _line(head: Head, mean: _Mean, most: Sequence[float]) -> Line:
    seconds, tokens, memory = most
    return Line(
        head,
        Bar(_seconds(mean.seconds), round(100 * mean.seconds / seconds, 2)),
        None
        if mean.tokens is None
        else Bar(f"{mean.tokens:,.0f}", round(100 * mean.tokens / tokens, 2)),
        Bar(f"{mean.memory / 1e9:.2f} GB", round(100 * mean.memory / memory, 2)),
    )


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.0f} ms"
