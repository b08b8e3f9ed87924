"""Real specialists, merged by every method and scored: which merges keep both skills?

    ./alloy bench scores --json bench/results/scores.json
    .venv/bin/python -m bench.scores_page    # then: the table and picture of docs/merging/scores.md

SmolLM2-135M-Instruct is trained on the demo's two tasks (some minutes, once), the two are merged by
every recipe of `scores_cases.py`, and each result answers both test sets. Scores are percentages of
exact matches; how long merges take is `bench merge`'s to tell. `--only` takes parts of the rows'
names and keeps the file's other rows.
"""

import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from alloyengine.spec.result import Score
from alloyworks.cli.demo.story import TASKS
from bench import machine, models, scores_models
from bench.merge import alloy
from bench.merge_cases import chosen
from bench.merge_measure import measure
from bench.scores_cases import BASE, CASES, Case

Figures = dict[str, Any]


def run(only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    cases = {case.name: case for case in CASES}
    means: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=models.room()) as room:
        folder = Path(room)
        _prepare(folder)
        for name in chosen(cases, only):
            print(f"{name} …", file=sys.stderr)
            figures = _score(cases[name], folder)
            means[name] = figures["mean"]
            yield name, figures | {"where": where()}
    if means:
        best = max(means, key=lambda name: means[name])
        print(f"The best: {best}, {means[best]} %", file=sys.stderr)


def where() -> dict[str, str | int | float]:
    known = {key: value for key, value in machine.where().items() if "mergekit" not in key}
    return known | {"transformers": version("transformers")}


def _prepare(folder: Path) -> None:
    """The three models under the names that recipes have for them, and the test sets."""
    (folder / BASE).symlink_to(scores_models.base())
    for task in TASKS:
        (folder / task).symlink_to(scores_models.specialist(task))
    scores_models.write_sets(folder / "sets")


def _score(case: Case, folder: Path) -> Figures:
    if case.recipe is None:
        return _evaluate(folder / case.method, folder)
    recipe, out = folder / "recipe.yml", folder / "out"
    recipe.write_text(yaml.safe_dump(case.recipe, sort_keys=False))
    try:
        measure(alloy("merge", recipe, out))
        return _evaluate(out, folder) | {"recipe": case.recipe}
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _evaluate(model: Path, folder: Path) -> Figures:
    return figures_of(scores_models.scores(model, folder / "sets", folder / "answers"))


def figures_of(scores: dict[str, Score]) -> Figures:
    """In percent. `±` is the standard error of the mean of the tasks, whose questions differ."""
    errors = {task: score.stderr or 0.0 for task, score in scores.items()}
    return {
        **{task: round(100 * score.value, 1) for task, score in scores.items()},
        "mean": round(100 * sum(score.value for score in scores.values()) / len(scores), 1),
        "±": round(100 * math.hypot(*errors.values()) / len(scores), 1),
        "examples": {task: score.examples for task, score in scores.items()},
        "stderr": {task: round(100 * error, 1) for task, error in errors.items()},
    }
