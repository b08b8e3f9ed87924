"""The whole story on SmolLM2-135M-Instruct: two specialists, and every way to make one of them.

    ./alloy bench story --json bench/results/story.json
    .venv/bin/python -m bench.story_page    # then: the table and picture of docs/story.md

The demo's two specialists (trained once) are merged by the twenty recipes of a hand-made grid, by a
recipe that evolution finds, become the experts of one sparse model, and are asked as a mixture of agents.
Evolution searches with one half of each test set; the other half is asked of everybody, in one
evaluation that says what every model scores and what an answer takes.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from alloyengine.cli.console import ConsoleReporter
from alloyengine.execute import execute
from alloyengine.merge.recipe import parse
from alloyengine.report import Silent
from alloyengine.spec.job import job_spec
from alloyengine.spec.result import EvaluateResult, EvolveResult, Score
from alloyengine.train.machine import use_all_cores
from alloyworks.cli.demo.story import TASKS
from bench import machine, models, scores_models
from bench.scores import figures_of
from bench.story_cases import EVOLVED, EXPERTS, MERGES, REPORT, SEARCH, evaluation, evolution

Figures = dict[str, Any]


def run() -> Iterator[tuple[str, Figures]]:
    use_all_cores()
    with tempfile.TemporaryDirectory(dir=models.room()) as room:
        story = Story(Path(room))
        recipes = story.make()
        result = story.evaluate()
        for name in dict.fromkeys(score.model for score in result.scores):
            mine = [score for score in result.scores if score.model == name]
            yield name, row(mine) | recipes.get(name, {}) | {"where": where()}


def where() -> Figures:
    known = {key: value for key, value in machine.where().items() if "mergekit" not in key}
    return known | {"transformers": version("transformers")}


class Story:
    """What was made so far, under the names that scores are told by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._inputs = {"base": scores_models.base()}
        self._inputs |= {task: scores_models.specialist(task) for task in TASKS}
        self._models = list(self._inputs)
        for task in TASKS:
            asked = scores_models.rows(task, "test")
            for half, rows in ((SEARCH, asked[::2]), (REPORT, asked[1::2])):
                self._inputs[f"{task}-{half}"] = folder / f"{task}-{half}"
                self._inputs[f"{task}-{half}"].mkdir()
                (folder / f"{task}-{half}" / "test.jsonl").write_text(scores_models.lines(rows))

    def make(self) -> dict[str, Figures]:
        """The recipes by the names of what was made."""
        for name, recipe in MERGES.items():
            merged = parse(yaml.safe_dump(recipe)).model_dump(mode="json")
            self._make(name, {"kind": "merge", "recipe": merged})
        for name, recipe in EXPERTS.items():
            self._make(name, {"kind": "moe", "recipe": recipe})
        found = self._make(EVOLVED, evolution())
        if not isinstance(found, EvolveResult):
            raise TypeError("an evolution has another result")
        evolved = found.recipe.model_dump(mode="json", exclude_defaults=True)
        return {name: {"recipe": recipe} for name, recipe in (MERGES | EXPERTS).items()} | {
            EVOLVED: {"recipe": evolved}
        }

    def evaluate(self) -> EvaluateResult:
        spec = job_spec.validate_python(evaluation(self._models))
        with ConsoleReporter() as report:
            result = execute(spec, self._inputs, self._folder / "answers", report)
        if not isinstance(result, EvaluateResult):
            raise TypeError("an evaluation has another result")
        return result

    def _make(self, name: str, raw: Mapping[str, Any]) -> Any:
        print(f"{name} …", file=sys.stderr)
        out = self._folder / f"model-{len(self._models)}"
        result = execute(job_spec.validate_python(raw), self._inputs, out, Silent())
        self._inputs[name] = out
        self._models.append(name)
        return result


def row(scores: list[Score]) -> Figures:
    """In percent; what an answer takes, on average over both tasks."""
    costs = [score.cost for score in scores if score.cost]
    asked = sum(score.examples for score in scores)
    figures = figures_of({score.dataset.removesuffix(f"-{REPORT}"): score for score in scores})
    return figures | {
        "ms": round(1000 * sum(cost.seconds for cost in costs) / asked),
        "tokens read": round(sum(cost.read or 0 for cost in costs) / asked, 1),
        "tokens written": round(sum(cost.written or 0 for cost in costs) / asked, 1),
        "GB": round(max(cost.memory for cost in costs) / 1e9, 2),
    }
