"""Searches for tests: a recipe with ranges, and a stand-in for models that answer."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from alloyengine.errors import InputError
from alloyengine.evaluate.scores import Figure
from alloyengine.evolve import scoring
from alloyengine.evolve.goals import Questions
from alloyengine.evolve.history import History
from alloyengine.evolve.search import Search
from alloyengine.evolve.trial import Trials
from alloyengine.report import Reporter, Silent
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import Recipe

RECIPE: dict[str, Any] = {
    "merge_method": "task_arithmetic",
    "base_model": "base",
    "models": [
        {"model": "first", "parameters": {"weight": {"low": 0, "high": 1}}},
        {"model": "second", "parameters": {"weight": {"low": 0, "high": 1}}},
    ],
}
Quality = Callable[[Sequence[float]], float]
"""How likely a recipe's model is right, by its weights."""


def spec_of(recipe: dict[str, Any] = RECIPE, **changes: Any) -> EvolveSpec:
    values: dict[str, Any] = {"recipe": recipe, "tasks": [{"dataset": "d"}]}
    return EvolveSpec.model_validate(values | changes)


class Recording(Silent):
    def __init__(self, stop_after: int | None = None) -> None:
        self.logs: list[str] = []
        self.metrics: dict[str, dict[int, float]] = {}
        self._left = stop_after

    def log(self, message: str, level: Any = "info") -> None:
        self.logs.append(message)

    def metric(self, name: str, step: int, value: float) -> None:
        self.metrics.setdefault(name, {})[step] = value

    def stopping(self) -> bool:
        return self._left is not None and self._left <= 0

    def progress(self, phase: str, done: int, total: int) -> None:
        if self._left is not None and phase == "Evolving":
            self._left -= 1


class Player:
    """In place of a Maker: the model it has made is right as often as `quality` says."""

    def __init__(self, quality: Quality, fails: Callable[[int], bool] = lambda _: False) -> None:
        self.quality, self._fails = quality, fails
        self.loaded: Any = self
        self.weights: list[float] = []
        self.made = self.asked = 0

    def make(self, recipe: Recipe, report: Reporter) -> float:
        self.made += 1
        if self._fails(self.made):
            raise InputError("not_finite", "It would hold infinite numbers.")
        self.weights = [float(m.parameters["weight"]) for m in recipe.models]  # type: ignore[arg-type]
        return 0.0

    def answers(self, rows: Sequence[Any]) -> list[bool]:
        """Each question has a difficulty of its own, the same for all models."""
        self.asked += len(rows)
        level = self.quality(self.weights)
        return [random.Random(str(row)).random() < level for row in rows]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are Players."""

    def score(
        player: Player, goal: Any, rows: list[Any], batch: int, advance: Callable[[int], None]
    ) -> tuple[Figure, list[dict[str, Any]]]:
        right = player.answers(rows)
        advance(len(rows))
        return Figure(sum(right) / len(rows), None), [
            {"answer": "yes", "correct": each} for each in right
        ]

    monkeypatch.setattr(scoring, "score", score)


def hill(weights: Sequence[float]) -> float:
    """Best at 0.8 and 0.3, where 95 of 100 are right."""
    return max(
        0.0, 0.95 - sum((w - best) ** 2 for w, best in zip(weights, (0.8, 0.3), strict=True))
    )


def questions_of(spec: EvolveSpec, count: int = 200) -> list[Questions]:
    return [
        Questions(goal, [f"{n} of {i}" for n in range(count)], tuple(range(count)), ["report"])
        for i, goal in enumerate(spec.tasks)
    ]


def searched(
    spec: EvolveSpec,
    player: Player,
    folder: Path | None = None,
    report: Recording | None = None,
    count: int = 200,
) -> tuple[Search, History, str]:
    """A whole search, and why it ended."""
    history = History.open(folder, "this search")
    trials = Trials(
        spec,
        player,  # type: ignore[arg-type]
        questions_of(spec, count),
        report or Recording(),
    )
    search = Search(trials, history)
    return search, history, search.run()
