"""Models beside each other, example by example."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from alloyengine.evaluate.harness.task import Outcome
from alloyengine.spec.evaluate import TestSet
from alloyengine.spec.metrics import METRICS
from alloyengine.spec.result import Compared
from alloyengine.spec.significance import compare


@dataclass(frozen=True)
class Values:
    """What a model got for each example of something it was asked."""

    asked: str
    metric: str
    values: list[float]
    weights: list[float] | None = None
    lower_is_better: bool = False


def of_set(test: TestSet, results: Sequence[dict[str, Any]]) -> Values:
    """Of perplexity, summed losses and numbers of tokens."""
    about = METRICS[test.metric]
    if test.metric != "perplexity":
        values = [float(row["score"]) for row in results]
        return Values(test.dataset, test.metric, values, None, about.lower_is_better)
    losses = [row["loss"] * row["tokens"] for row in results]
    weights = [float(row["tokens"]) for row in results]
    return Values(test.dataset, test.metric, losses, weights, about.lower_is_better)


def of_task(outcome: Outcome) -> list[Values]:
    """Only metrics whose score is the mean of what each document got. What a document adds to others, such
    as perplexities, may even point the other way.
    """
    found = []
    for figure in outcome.figures:
        key = f"{figure['metric']},{figure['filter']}"
        samples = [each for each in outcome.samples if each["task"] == figure["task"]]
        values = [each["metrics"][key] for each in samples if key in each["metrics"]]
        if values and math.isclose(math.fsum(values) / len(values), figure["value"], abs_tol=1e-9):
            name = key.removesuffix(",none")
            lower = bool(figure["lower_is_better"])
            found.append(Values(figure["task"], name, values, None, lower))
    return found


def compared(
    baseline: str, before: Sequence[Values], model: str, after: Sequence[Values], seed: int
) -> Iterator[Compared]:
    """The model with the baseline, on all that both were asked."""
    waiting: dict[tuple[str, str], list[Values]] = {}
    for each in before:
        waiting.setdefault((each.asked, each.metric), []).append(each)
    for each in after:
        others = waiting.get((each.asked, each.metric))
        if not others:
            continue
        other = others.pop(0)  # one test set may be asked twice, by different settings
        if len(other.values) != len(each.values) or not _weighs(other):
            continue
        found = compare(
            other.values,
            each.values,
            weights=other.weights,
            lower_is_better=each.lower_is_better,
            seed=seed,
        )
        yield Compared(
            model=model,
            baseline=baseline,
            asked=each.asked,
            metric=each.metric,
            difference=found.value,
            low=found.low,
            high=found.high,
            p=found.p,
            examples=found.examples,
            verdict=found.verdict,
        )


def _weighs(values: Values) -> bool:
    return bool(values.values) and (values.weights is None or sum(values.weights) > 0)
