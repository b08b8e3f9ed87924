"""Test sets: rows of `test.jsonl`, and the questions in them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError
from alloyengine.spec.evaluate import TestSet
from alloyengine.train.data import Messages, conversation, lines_of, read_rows

Advance = Callable[[int], None]
"""Told after each batch how many examples are done; may raise to stop."""


@dataclass(frozen=True)
class Question:
    """A conversation up to the last assistant's message, and what that message said."""

    messages: Messages
    expected: str


@dataclass(frozen=True)
class Choices:
    """A question with the answers one may choose from; `right` is the number of the right one."""

    messages: Messages
    choices: tuple[str, ...]
    right: int


Row = Messages | str | Choices


def read_examples(test: TestSet, path: Path) -> list[Row]:
    """From a folder's `test.jsonl`, or the file itself. Raises InputError."""
    file = path / "test.jsonl" if path.is_dir() else path
    chosen = test.metric.startswith("multiple_choice")
    found: Iterator[Row] = _choices(test, file) if chosen else iter(read_rows(file))
    rows = list(islice(found, test.limit))
    if not rows:
        raise InputError(
            "dataset_empty",
            f"The test set {test.dataset!r} has no rows.",
            "Give the dataset a larger test split.",
        )
    return rows


def question(row: Row, metric: str) -> Question:
    if not isinstance(row, list):
        raise InputError(
            "dataset_columns",
            f"{metric} needs questions with answers, and this test set is plain text.",
            "Score it by perplexity.",
        )
    last = max((i for i, m in enumerate(row) if m["role"] == "assistant"), default=0)
    if last == 0:
        raise InputError(
            "dataset_columns",
            "A conversation of the test set has no assistant's message to compare with.",
            "Let every conversation end with the expected answer.",
        )
    return Question(row[:last], row[last]["content"])


def _choices(test: TestSet, file: Path) -> Iterator[Row]:
    for number, fields in lines_of(file):
        values = fields if isinstance(fields, dict) else {}
        given: Any = test.choices or values.get("choices")
        if not _are_texts(given):
            raise InputError(
                "dataset_columns",
                f"Line {number} of {test.dataset!r} has no choices.",
                "Give each row a list of texts called choices, or the test set such a list.",
            )
        asked, answer = _asked(values, test.metric)
        right = _right(answer, given)
        if asked is None or right is None:
            raise InputError(
                "dataset_columns",
                f"Line {number} of {test.dataset!r} has no question whose answer is one of its choices.",
                "Give prompt and completion, messages, or question and answer (a choice or its "
                "number, from 0).",
            )
        yield Choices(asked, tuple(given), right)


def _asked(values: dict[str, Any], metric: str) -> tuple[Messages | None, Any]:
    """What is asked, and what was answered: a text, or the number of a choice."""
    for name in ("question", "prompt"):
        if isinstance(values.get(name), str) and "answer" in values:
            return [{"role": "user", "content": values[name]}], values["answer"]
    row = conversation(values)
    if not isinstance(row, list):
        return None, None
    found = question(row, metric)
    return found.messages, found.expected


def _right(answer: Any, choices: list[str]) -> int | None:
    if isinstance(answer, int) and not isinstance(answer, bool):
        return answer if 0 <= answer < len(choices) else None
    plain, said = [choice.strip() for choice in choices], str(answer).strip()
    return plain.index(said) if said in plain else None


def _are_texts(value: Any) -> bool:
    listed = isinstance(value, list) and len(value) > 1
    return listed and all(isinstance(choice, str) and choice for choice in value)
