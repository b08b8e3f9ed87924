"""Scores on a job's page: of an evaluation, all models beside the first, and what got worse; of an
evolution, what was found beside where it began.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from alloyengine.spec.result import RESULT, START, Compared, EvaluateResult, EvolveResult
from alloyworks.jobs import answers
from alloyworks.jobs.models import Job
from alloyworks.web import costs
from alloyworks.web.scores import Figure, Head, Table, Verdict, table_of

Heads = Mapping[str, Head]
SURE = ("better", "worse")


def table(job: Job, heads: Heads) -> Table | None:
    if job.result and job.result["kind"] == "evolve":
        return _of_evolution(job, heads)
    result = _result(job)
    if result is None:
        return None
    names = answers.subjects(job)
    models = _subjects(job, heads)
    sets = [test["dataset"] for test in job.spec.get("test_sets", ())]
    asked = {name: heads.get(name, Head(name)) for name in sets}
    asked |= {f"task:{score.task}": Head(score.task) for score in result.tasks}
    reference = names[0] if len(names) > 1 else None
    return table_of(_figures(result), models, asked, reference, _verdicts(result))


def taken(job: Job, heads: Heads) -> list[costs.Line]:
    """What an example of an evaluation took, model by model."""
    result = _result(job)
    return costs.lines(result.scores, _subjects(job, heads)) if result else []


def _subjects(job: Job, heads: Heads) -> dict[str, Head]:
    return {name: heads.get(name, Head(name)) for name in answers.subjects(job)}


def _of_evolution(job: Job, heads: Heads) -> Table | None:
    """On questions that the search has not seen: the parents, where it began, and what it found."""
    try:
        result = EvolveResult.model_validate(job.result)
    except ValidationError:
        return None
    ours = {START: Head("The recipe it began with"), RESULT: Head("The best that was found")}
    names = dict.fromkeys(score.model for score in result.scores)
    order = [
        *(name for name in names if name not in ours),
        *(name for name in ours if name in names),
    ]
    models = {name: ours.get(name) or heads.get(name, Head(name)) for name in order}
    sets = {score.dataset: heads.get(score.dataset, Head(score.dataset)) for score in result.scores}
    figures = [
        Figure(s.model, s.dataset, s.metric, s.value, s.stderr, s.examples) for s in result.scores
    ]
    reference = START if START in models else order[0]
    return table_of(figures, models, sets, reference)


def regressions(job: Job, heads: Heads) -> list[str]:
    """What got worse than with the first model, by more than chance explains."""
    result = _result(job)
    worse = [each for each in result.comparisons if each.verdict == "worse"] if result else []
    return [
        f"{_name(each.model, heads)} on {_name(each.asked, heads)}: {_words(each)}"
        for each in worse
    ]


def _result(job: Job) -> EvaluateResult | None:
    if not job.result or job.result["kind"] != "evaluate":
        return None
    try:
        return EvaluateResult.model_validate(job.result)
    except ValidationError:  # it is of an earlier version
        return None


def _figures(result: EvaluateResult) -> Iterator[Figure]:
    for s in result.scores:
        yield Figure(s.model, s.dataset, s.metric, s.value, s.stderr, s.examples)
    for t in result.tasks:
        asked = f"task:{t.task}"
        yield Figure(t.model, asked, t.called, t.value, t.stderr, t.examples, t.lower_is_better)


def _verdicts(result: EvaluateResult) -> dict[tuple[Any, Any, str], Verdict]:
    tasks = {score.task for score in result.tasks}
    return {
        (each.model, f"task:{each.asked}" if each.asked in tasks else each.asked, each.metric): (
            Verdict(each.verdict in SURE, each.verdict == "better", _words(each))
        )
        for each in result.comparisons
    }


def _words(each: Compared) -> str:
    interval = f"{each.low:+.3f} to {each.high:+.3f}"
    return f"{each.metric} {each.difference:+.3f} (95%: {interval}), p = {each.p:.2g}, {each.examples} examples"


def _name(reference: str, heads: Heads) -> str:
    return heads[reference].label if reference in heads else reference
