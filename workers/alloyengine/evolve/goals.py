"""The questions of a search, and others for the report: nobody is told a score on what was searched.

A test split is divided in halves, or the report has a dataset of its own. Of a question that is there
twice, in other capitals or spaces, the second is left out.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from alloyengine.errors import InputError
from alloyengine.evaluate.examples import question, read_examples
from alloyengine.evaluate.metrics import ANSWERED
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec, Goal

Row = Any  # a conversation, a text, or what else a metric asks
_FEWEST = 4  # questions that can be divided
_LOWER = ("perplexity",)  # lower is better; not between 0 and 1


@dataclass(frozen=True)
class Questions:
    """One task's: `search` in its order, `sample` the numbers of those that candidates answer."""

    goal: Goal
    search: Sequence[Row]
    sample: tuple[int, ...]
    report: Sequence[Row]

    @property
    def bounded(self) -> bool:
        """Is every answer worth between 0 and 1, so that the score is their mean?"""
        return self.goal.metric not in _LOWER

    def worth(self, value: float) -> float:
        """A figure of the metric as something to make large: of a perplexity, the mean log-likelihood."""
        return value if self.bounded else -math.log(value)

    def drawn(self, seed: int, generation: int) -> list[Row]:
        """The sample in an order of its own for each generation."""
        order = list(self.sample)
        Random(f"{seed} {generation} {self.goal.dataset}").shuffle(order)  # noqa: S311  # no secret
        return [self.search[number] for number in order]


def read_goals(spec: EvolveSpec, inputs: Mapping[str, Path], report: Reporter) -> list[Questions]:
    """InputError when a test set has nothing to compare with, is too small to be divided, or the report
    would ask what was searched.
    """
    found = [_read(spec, goal, inputs, report) for goal in spec.tasks]
    searched = {_key(row) for questions in found for row in questions.search}
    for questions in found:
        _check_apart(questions, searched)
    return found


def digest_of(goals: Sequence[Questions]) -> str:
    """Of all questions and expected answers, in their order."""
    rows = [[repr(row) for row in (*each.search, *each.report)] for each in goals]
    return sha256(json.dumps(rows).encode()).hexdigest()


def _read(spec: EvolveSpec, goal: Goal, inputs: Mapping[str, Path], report: Reporter) -> Questions:
    rows = _distinct(goal, read_examples(goal, inputs[goal.dataset]), report)
    if goal.report is None:
        search, kept = _halves(goal, rows, spec.seed)
    else:
        named = goal.model_copy(update={"dataset": goal.report})
        search, kept = rows, _distinct(named, read_examples(named, inputs[goal.report]), report)
    for row in (*search, *kept):
        _check(goal, row)
    size = min(goal.sample or len(search), len(search))
    sample = Random(f"{spec.seed} {goal.dataset}").sample(range(len(search)), size)  # noqa: S311
    return Questions(goal, search, tuple(sorted(sample)), kept)


def _halves(goal: Goal, rows: Sequence[Row], seed: int) -> tuple[list[Row], list[Row]]:
    """The same of a dataset for every task that asks it."""
    if len(rows) < _FEWEST:
        raise InputError(
            "dataset_too_small",
            f"The test set {goal.dataset!r} has {len(rows)} different questions: too few to search "
            "by some and report on others.",
            "Give it more, or name another dataset for the report.",
        )
    ordered = sorted(rows, key=lambda row: sha256(f"{seed} {_key(row)}".encode()).digest())
    middle = (len(ordered) + 1) // 2
    return ordered[:middle], ordered[middle:]


def _check(goal: Goal, row: Row) -> None:
    """InputError when there is nothing to compare an answer with."""
    if goal.metric in ANSWERED:
        question(row, goal.metric)


def _distinct(goal: Goal, rows: Iterable[Row], report: Reporter) -> list[Row]:
    listed = list(rows)
    found = {_key(row): row for row in reversed(listed)}
    kept = [row for row in listed if found.get(_key(row)) is row]
    if len(kept) < len(listed):
        again = len(listed) - len(kept)
        report.log(f"{again} questions of {goal.dataset!r} are there again and are left out.")
    return kept


def _check_apart(questions: Questions, searched: set[str]) -> None:
    known = sum(_key(row) in searched for row in questions.report)
    if known:
        named = questions.goal.report or questions.goal.dataset
        raise InputError(
            "report_overlaps",
            f"{known} of the {len(questions.report)} questions of the report ({named!r}) are searched "
            "by, too: a score on them would say nothing.",
            "Report on other data, or leave report out: then half of the test split is kept for it.",
        )


def _key(row: Row) -> str:
    """What is asked, however it is written."""
    messages: Any = getattr(row, "messages", row)
    if isinstance(messages, str):
        return _plain(messages)
    last = max(
        (i for i, message in enumerate(messages) if message["role"] == "assistant"), default=0
    )
    asked = messages[: last or None] if messages is row else messages
    return "\n".join(_plain(message["content"]) for message in asked)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
