"""Real models to merge: SmolLM2-135M-Instruct and the demo's two specialists, trained once.

A specialist is kept under a digest of its training, so that other training makes another one.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache as remembered
from functools import partial
from pathlib import Path
from typing import Any

from alloyengine.cli.console import ConsoleReporter
from alloyengine.execute import execute
from alloyengine.report import Silent
from alloyengine.spec.evaluate import EvaluateSpec, TestSet
from alloyengine.spec.result import EvaluateResult, Score
from alloyengine.spec.train import TrainSpec
from alloyworks.cli.demo import data
from alloyworks.cli.demo.story import ANSWER_TOKENS, EPOCHS, TASKS, TRAINING
from bench import cache, models

SETS = {"elements": data.elements, "capitals": data.capitals}


def base() -> Path:
    return models.smollm2(0)


def specialist(task: str) -> Path:
    """The folder of the base after training on one task. The first call takes minutes."""
    spec = training(task)
    name = f"smollm2-135M-{task}-{digest(spec, rows(task, 'train'))}"
    return cache.once(cache.folder() / "bench" / name, partial(_train, spec))


def training(task: str) -> TrainSpec:
    """As the demo trains it."""
    return TrainSpec.model_validate(
        {"model": "base", "dataset": task, "epochs": EPOCHS[task], **TRAINING}
    )


def digest(spec: TrainSpec, learned: Sequence[data.Row]) -> str:
    """Eight hexadecimal digits."""
    # What is left at its default is not of the name: new fields of a spec make no other training.
    known = json.dumps(
        [spec.model_dump(mode="json", exclude_defaults=True), learned], sort_keys=True
    )
    return hashlib.sha256(known.encode()).hexdigest()[:8]


@remembered
def rows(task: str, split: str) -> list[data.Row]:
    return [row for row in SETS[task]() if row["split"] == split]


def write_sets(folder: Path) -> None:
    """A folder for each task, with `train.jsonl` and `test.jsonl`."""
    for task in TASKS:
        (folder / task).mkdir(parents=True)
        for split in ("train", "test"):
            (folder / task / f"{split}.jsonl").write_text(lines(rows(task, split)))


def lines(chats: Iterable[data.Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in chats)


def scores(model: Path, sets: Path, out: Path, tasks: Sequence[str] = TASKS) -> dict[str, Score]:
    """Exact match of a model on each task, by questions in words that no specialist has seen."""
    asked: dict[str, Any] = {"metric": "exact_match", "max_new_tokens": ANSWER_TOKENS}
    spec = EvaluateSpec(
        models=["model"], test_sets=[TestSet(dataset=task, **asked) for task in tasks]
    )
    inputs = {"model": model} | {task: sets / task for task in tasks}
    result = execute(spec, inputs, out, Silent())
    if not isinstance(result, EvaluateResult):
        raise TypeError("an evaluation has another result")
    return {score.dataset: score for score in result.scores}


def _train(spec: TrainSpec, folder: Path) -> None:
    print(f"Training the specialist for {spec.dataset}, once", file=sys.stderr)
    with tempfile.TemporaryDirectory() as sets, ConsoleReporter() as report:
        write_sets(Path(sets))
        inputs = {spec.model: base(), spec.dataset: Path(sets) / spec.dataset}
        execute(spec, inputs, folder, report)
