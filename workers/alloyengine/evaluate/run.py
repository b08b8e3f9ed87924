"""Evaluates every model on every test set; a model is loaded once."""

import json
from pathlib import Path
from typing import Any

from alloyengine.errors import Stopped
from alloyengine.evaluate.examples import read_examples
from alloyengine.evaluate.models import load
from alloyengine.evaluate.score import score
from alloyengine.report import Reporter
from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.result import EvaluateResult, Score


def run(spec: EvaluateSpec, inputs: dict[str, Path], out: Path, report: Reporter) -> EvaluateResult:
    """Exact match is a share from 0 to 1. `out` gets `examples-<model>-<set>.jsonl`, counted
    from 0 in the spec's order, with every single result. Raises InputError, Stopped.
    """
    sets = [read_examples(test, inputs[test.dataset]) for test in spec.test_sets]
    out.mkdir(parents=True, exist_ok=True)
    counter = _Counter(report, total=len(spec.models) * sum(len(rows) for rows in sets))
    scores = []
    for i, reference in enumerate(spec.models):
        loaded = load(inputs[reference])
        for j, (test, rows) in enumerate(zip(spec.test_sets, sets, strict=True)):
            figure, results = score(loaded, test, rows, spec.batch_size, counter)
            _write(out / f"examples-{i}-{j}.jsonl", results)
            given = Score(
                model=reference,
                dataset=test.dataset,
                metric=test.metric,
                value=figure.value,
                stderr=figure.stderr,
                examples=len(rows),
            )
            scores.append(given)
            report.log(f"{reference} on {test.dataset}: {test.metric} {figure.value:.4g}")
    return EvaluateResult(scores=scores)


class _Counter:
    """Counts examples over all models and sets, and stops between two batches when asked."""

    def __init__(self, report: Reporter, total: int) -> None:
        self._report, self._total, self._done = report, total, 0

    def __call__(self, count: int) -> None:
        self._done += count
        self._report.progress("Evaluating", self._done, self._total)
        if self._report.stopping():
            raise Stopped("stopped", "The evaluation was stopped.")


def _write(path: Path, results: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for result in results:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
