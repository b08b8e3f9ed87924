"""A candidate answers the questions of a search, or some of them if it is hopeless."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.score import score
from alloyengine.evolve.goals import Questions, Row
from alloyengine.evolve.race import DOUBT, LOOKS, Tally

Hopeless = Callable[[list[float]], bool]
"""Of the highest worth that each task can have."""

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Marks:
    """What each task is worth, in the spec's order; estimates when not all was asked."""

    worths: tuple[float, ...]
    asked: tuple[int, ...]
    whole: bool
    silent: bool  # not one answer had a word


def marks_of(
    loaded: Loaded,
    asked: Sequence[tuple[Questions, Sequence[Row]]],
    batch_size: int,
    advance: Advance,
    hopeless: Hopeless | None = None,
) -> Marks:
    """Task by task, or with `hopeless` part by part of all tasks. Raises InputError, and whatever
    `advance` raises.
    """
    sheets = [_Sheet(questions, rows) for questions, rows in asked]
    for share in (*LOOKS, 1.0) if hopeless else (1.0,):
        for sheet in sheets:
            sheet.answer(loaded, sheet.until(share), batch_size, advance)
        highest = [sheet.highest(DOUBT / (len(sheets) * len(LOOKS))) for sheet in sheets]
        if share < 1 and hopeless and hopeless(highest):
            break
    return Marks(
        worths=tuple(sheet.worth for sheet in sheets),
        asked=tuple(sheet.asked for sheet in sheets),
        whole=all(sheet.asked == len(sheet.rows) for sheet in sheets),
        silent=all(sheet.silent for sheet in sheets),
    )


class _Sheet:
    """One task's questions, and how far they are answered."""

    def __init__(self, questions: Questions, rows: Sequence[Row]) -> None:
        self.rows, self.asked, self.silent = rows, 0, True
        self._questions, self._gained, self._yes_or_no = questions, 0.0, True

    def until(self, share: float) -> int:
        """What is not a mean of its answers is asked whole, and at the end."""
        if share < 1 and not self._questions.bounded:
            return 0
        return len(self.rows) if share >= 1 else max(1, round(share * len(self.rows)))

    def answer(self, loaded: Loaded, until: int, batch_size: int, advance: Advance) -> None:
        part = list(self.rows[self.asked : until])
        if not part:
            return
        figure, results = score(loaded, self._questions.goal, part, batch_size, advance)
        self._gained += self._questions.worth(figure.value) * len(part)
        self._yes_or_no &= all(_is_yes_or_no(result) for result in results)
        self.silent &= not any(_has_said(result) for result in results)
        self.asked += len(part)

    @property
    def worth(self) -> float:
        return self._gained / self.asked if self.asked else 0.0

    def highest(self, doubt: float) -> float:
        if not self._questions.bounded:
            return self.worth if self.asked else float("inf")
        return Tally(self._gained, self.asked, len(self.rows), self._yes_or_no).highest(doubt)


def _is_yes_or_no(result: dict[str, Any]) -> bool:
    return result.get("score", float(bool(result.get("correct")))) in (0, 1)


def _has_said(result: dict[str, Any]) -> bool:
    """Where nothing is said in words, such as the losses of perplexity, there is something to score."""
    return "answer" not in result or bool(str(result["answer"]).strip())
