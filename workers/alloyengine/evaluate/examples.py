"""Test sets: rows of `test.jsonl`, and the questions in them."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from alloyengine.errors import InputError
from alloyengine.spec.evaluate import TestSet
from alloyengine.train.data import Messages, read_rows


@dataclass(frozen=True)
class Question:
    """A conversation up to the last assistant's message, and what that message said."""

    messages: Messages
    expected: str


def read_examples(test: TestSet, path: Path) -> list[Messages | str]:
    """From a folder's `test.jsonl`, or the file itself. Raises InputError."""
    file = path / "test.jsonl" if path.is_dir() else path
    rows = list(islice(read_rows(file), test.limit))
    if not rows:
        raise InputError(
            "dataset_empty",
            f"The test set {test.dataset!r} has no rows.",
            "Give the dataset a larger test split.",
        )
    return rows


def question(row: Messages | str) -> Question:
    if isinstance(row, str):
        raise InputError(
            "dataset_columns",
            "exact_match needs questions with answers, and this test set is plain text.",
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
