"""Test sets that a judge scores, once all models have answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alloyengine.evaluate.counting import Counter
from alloyengine.evaluate.judge.pairs import Ask, Pair, judged
from alloyengine.evaluate.scores import mean
from alloyengine.report import Reporter
from alloyengine.spec.evaluate import EvaluateSpec, Judge
from alloyengine.spec.result import Score

Json = dict[str, Any]
Answers = dict[tuple[int, int], list[Json]]
"""By number of the model and of the test set: prompt, expected and answer of each example."""


@dataclass(frozen=True)
class Judging:
    """`results` are the answers with what the judge said; no `score` when it said nothing at all."""

    model: int
    place: int
    results: list[Json]
    score: Score | None
    unjudged: int


def judged_scores(
    spec: EvaluateSpec, judge: Judge, ask: Ask, answers: Answers, report: Reporter
) -> Iterator[Judging]:
    """One for each model and judged set; none for the model that others are compared with."""
    left = [key for key in answers if judge.against == "expected" or key[0] > 0]
    count = Counter(report, "Judging", sum(len(answers[key]) for key in left))
    for model, place in left:
        rows = answers[model, place]
        others = _others(judge, answers, rows, place)
        pairs = [
            Pair(row["prompt"], row["answer"], other)
            for row, other in zip(rows, others, strict=True)
        ]
        found = judged(pairs, judge, ask, count)
        yield _judging(spec, model, place, rows, others, found, report)


def _others(judge: Judge, answers: Answers, rows: Sequence[Json], place: int) -> list[str]:
    if judge.against == "expected":
        return [row["expected"] for row in rows]
    return [row["answer"] for row in answers[0, place]]


def _judging(
    spec: EvaluateSpec,
    model: int,
    place: int,
    rows: Sequence[Json],
    others: Sequence[str],
    found: Sequence[Mapping[str, Any]],
    report: Reporter,
) -> Judging:
    results = [
        {**row, "other": other, **verdict}
        for row, other, verdict in zip(rows, others, found, strict=True)
    ]
    worth = [verdict["score"] for verdict in found if verdict["score"] is not None]
    name, dataset = spec.subjects[model], spec.test_sets[place].dataset
    unjudged = [str(verdict["unjudged"]) for verdict in found if "unjudged" in verdict]
    if unjudged:
        report.log(
            f"The judge gave no verdict on {len(unjudged)} of {len(rows)} answers of {name} to "
            f"{dataset}: {unjudged[0]}. The answers are kept; run it again to ask for the rest.",
            "warning" if worth else "error",
        )
    score = None
    if worth:
        figure = mean(worth)
        report.log(f"{name} on {dataset}: win_rate {figure.value:.4g}")
        score = Score(
            model=name,
            dataset=dataset,
            metric="win_rate",
            value=figure.value,
            stderr=figure.stderr,
            examples=len(worth),
        )
    return Judging(model, place, results, score, len(unjudged))
