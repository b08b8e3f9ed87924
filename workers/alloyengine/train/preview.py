"""What a dataset looks like to a model before it is learned: which tokens, and which are trained."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from alloyengine.spec.objective import AnyObjective, Cpt, Dpo
from alloyengine.train.data import read_rows
from alloyengine.train.encode import IGNORED, Example, encode_row
from alloyengine.train.pairs import last_answer, read_pairs


@dataclass(frozen=True)
class Piece:
    """Text of neighbouring tokens that are alike."""

    text: str
    trained: bool
    cut: bool  # beyond max_length: neither seen nor learned


@dataclass(frozen=True)
class Shown:
    """One example, as the model is given it."""

    title: str
    pieces: tuple[Piece, ...]
    tokens: int
    trained: int
    cut: int

    @property
    def alarm(self) -> str:
        """What is wrong with it, in words; empty when nothing is."""
        if not self.trained:
            return "Nothing is trained here: there is no answer of an assistant within max_length."
        return f"{self.cut} tokens are cut off." if self.cut else ""


def preview(
    dataset: Path, tokenizer: Any, objective: AnyObjective, longest: int, rows: int
) -> list[Shown]:
    """The first rows. InputError when one can't be read."""
    found: list[Shown] = []
    for title, example in _examples(dataset, tokenizer, objective):
        if len(found) == rows:
            break
        found.append(_shown(title, example, tokenizer, longest))
    return found


def _examples(
    dataset: Path, tokenizer: Any, objective: AnyObjective
) -> Iterator[tuple[str, Example]]:
    if isinstance(objective, Dpo):
        for number, pair in enumerate(read_pairs(dataset), start=1):
            for name, messages in zip(("chosen", "rejected"), pair, strict=True):
                yield f"row {number}, {name}", last_answer(messages, tokenizer)
        return
    for number, row in enumerate(read_rows(dataset), start=1):
        if isinstance(objective, Cpt) and not isinstance(row, str):
            row = "\n\n".join(turn["content"] for turn in row)
        yield f"row {number}", encode_row(row, tokenizer)


def _shown(title: str, example: Example, tokenizer: Any, longest: int) -> Shown:
    marks = [
        (place and target != IGNORED and place < longest, place >= longest)
        for place, target in enumerate(example.targets)
    ]
    trained = sum(bool(mark[0]) for mark in marks)
    pieces = tuple(_pieces(example.tokens, marks, tokenizer))
    return Shown(title, pieces, len(marks), trained, max(0, len(marks) - longest))


def _pieces(
    tokens: Sequence[int], marks: Sequence[tuple[Any, bool]], tokenizer: Any
) -> Iterator[Piece]:
    """Tokens are decoded together: one alone may be a part of a letter."""
    marked = zip(tokens, marks, strict=True)
    for (trained, cut), group in groupby(
        marked, key=lambda entry: (bool(entry[1][0]), entry[1][1])
    ):
        yield Piece(tokenizer.decode([token for token, _ in group]), trained, cut)
