"""Evaluates every model on every test set and task, then every mixture of agents. A model is loaded
once, and only when needed.

In `out`, by number of the model (mixtures are counted on) and of the test set or task, both from 0 and
in the spec's order:

examples-MODEL-SET.jsonl   what each example of a test set gave, in its order
tasks-MODEL-TASK.jsonl     what each document of a task gave
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError
from alloyengine.evaluate.agents import MixtureSubject
from alloyengine.evaluate.comparing import Values, compared, of_set, of_task
from alloyengine.evaluate.counting import Counter, show
from alloyengine.evaluate.examples import read_examples
from alloyengine.evaluate.judge.pairs import Ask
from alloyengine.evaluate.judging import Answers, judged_scores
from alloyengine.evaluate.subject import Subject, files_digest
from alloyengine.report import Reporter
from alloyengine.spec.evaluate import EvaluateSpec, Task
from alloyengine.spec.metrics import METRICS
from alloyengine.spec.mixture import Mixture
from alloyengine.spec.result import Compared, Cost, EvaluateResult, Score, TaskScore

Json = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What whoever runs an evaluation decides, and no spec: how the judge is reached, and whether
    results are kept in the user's cache directory, and found there again.
    """

    ask: Ask | None = None
    keep: bool = False


def run(
    spec: EvaluateSpec,
    inputs: Mapping[str, Path],
    out: Path,
    report: Reporter,
    options: Options | None = None,
) -> EvaluateResult:
    """Raises InputError, Stopped. What was computed until then is in `out`, and in the cache."""
    options = options or Options()
    if options.ask is None and any(test.metric == "win_rate" for test in spec.test_sets):
        raise InputError(
            "judge_missing",
            "win_rate needs a judge, and none can be reached from here.",
            "Run alloy evaluate with --judge-url.",
        )
    return _Evaluation(spec, inputs, out, report, options).result()


class _Evaluation:
    def __init__(
        self,
        spec: EvaluateSpec,
        inputs: Mapping[str, Path],
        out: Path,
        report: Reporter,
        options: Options,
    ) -> None:
        self._spec, self._inputs, self._out = spec, inputs, out
        self._report, self._options = report, options
        self._sets = [(test, read_examples(test, inputs[test.dataset])) for test in spec.test_sets]
        _check_tasks(spec.tasks, inputs)
        self._scores: list[Score] = []
        self._tasks: list[TaskScore] = []
        self._values: list[list[Values]] = []  # by model
        self._answers: Answers = {}
        self._costs: dict[tuple[int, int], Cost] = {}
        self._count = Counter(report, "Evaluating", self._turns())

    def result(self) -> EvaluateResult:
        self._out.mkdir(parents=True, exist_ok=True)
        for number, reference in enumerate(self._spec.models):
            self._ask_model(number, reference)
        for number, mixture in enumerate(self._spec.mixtures, len(self._spec.models)):
            self._ask_mixture(number, mixture)
        comparisons = list(self._compare())
        unjudged = self._judge()
        return EvaluateResult(
            scores=self._scores, tasks=self._tasks, comparisons=comparisons, unjudged=unjudged
        )

    def _ask_model(self, number: int, reference: str) -> None:
        subject = Subject(self._inputs[reference], self._options.keep)
        self._values.append([])
        for place in range(len(self._sets)):
            self._ask(subject, number, place)
        for place, task in enumerate(self._spec.tasks):
            samples = self._run_task(subject, reference, task)
            _write(self._out / f"tasks-{number}-{place}.jsonl", samples)

    def _ask_mixture(self, number: int, mixture: Mixture) -> None:
        subject = MixtureSubject(mixture, self._inputs, self._options.keep)
        self._values.append([])
        for place, (test, _) in enumerate(self._sets):
            if METRICS[test.metric].answers:
                self._ask(subject, number, place)

    def _turns(self) -> int:
        """How many examples are read, counting those that several agents read."""
        agents = sum(len(mixture.agents) for mixture in self._spec.mixtures)
        return sum(
            len(rows) * (len(self._spec.models) + agents * METRICS[test.metric].answers)
            for test, rows in self._sets
        )

    def _ask(self, subject: Subject | MixtureSubject, number: int, place: int) -> None:
        name, (test, rows) = self._spec.subjects[number], self._sets[place]
        scored = subject.on_set(test, rows, self._spec.batch_size, self._count)
        _write(self._out / f"examples-{number}-{place}.jsonl", scored.results)
        if test.metric == "win_rate":
            self._answers[number, place] = scored.results
            self._costs[number, place] = scored.cost
        else:
            self._values[number].append(of_set(test, scored.results))
        if all(row.get("answer") == "" for row in scored.results):
            self._report.log(f"{name} answers nothing to {test.dataset}.", "warning")
        if scored.value is not None:
            self._scores.append(
                Score(
                    model=name,
                    dataset=test.dataset,
                    metric=test.metric,
                    value=scored.value,
                    stderr=scored.stderr,
                    examples=len(rows),
                    cost=scored.cost,
                )
            )
            self._report.log(f"{name} on {test.dataset}: {test.metric} {scored.value:.4g}")

    def _run_task(self, subject: Subject, name: str, task: Task) -> list[Json]:
        references = [ref for ref in (task.file, task.data) if ref]
        keep = self._options.keep
        digests = [files_digest(self._inputs[ref]) for ref in references] if keep else []
        called = task.name or str(task.file)

        def watch(done: int, total: int) -> None:
            show(self._report, f"Task {called}"[:80], done, total)

        outcome = subject.on_task(task, self._inputs, digests, self._spec.batch_size, watch)
        found = [TaskScore(model=name, **figure) for figure in outcome.figures]
        self._tasks += found
        self._values[-1] += of_task(outcome)
        for score in found:
            self._report.log(f"{name} on {score.task}: {score.metric} {score.value:.4g}")
        return outcome.samples

    def _compare(self) -> Iterable[Compared]:
        """Every model and mixture with the first model."""
        first, *others = zip(self._spec.subjects, self._values, strict=True)
        for name, values in others:
            for found in compared(first[0], first[1], name, values, self._spec.seed):
                if found.verdict == "worse":
                    words = f"{found.metric} {found.difference:+.3g}, p = {found.p:.2g}"
                    where = f"{name} is worse than {first[0]} on {found.asked}"
                    self._report.log(f"{where}: {words}.", "warning")
                yield found

    def _judge(self) -> int:
        """Adds the scores of judged sets; how many answers have none."""
        judge, ask = self._spec.judge, self._options.ask
        if judge is None or ask is None or not self._answers:
            return 0
        unjudged = 0
        for judging in judged_scores(self._spec, judge, ask, self._answers, self._report):
            _write(self._out / f"examples-{judging.model}-{judging.place}.jsonl", judging.results)
            unjudged += judging.unjudged
            if judging.score:
                cost = self._costs[judging.model, judging.place]
                self._scores.append(judging.score.model_copy(update={"cost": cost}))
        return unjudged


def _check_tasks(tasks: Iterable[Task], inputs: Mapping[str, Path]) -> None:
    """All of them, before a model is loaded."""
    from alloyengine.evaluate.harness.task import check_task

    for task in tasks:
        check_task(task, inputs)


def _write(path: Path, results: Iterable[Json]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for result in results:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
