"""What tunings learn: the demo's two tasks, three seeds each, on questions in words never seen.

    ./alloy bench quality --json bench/results/quality.json
    .venv/bin/python -m bench.quality_page    # then: the table of docs/training/quality.md

Every tuning trains SmolLM2-135M-Instruct as the demo does (same data, epochs, batches, learning rate
unless the row names another) and answers the test set; scores are percentages of exact matches,
mean ± standard deviation over the seeds. Both ways to score modules (`spectrum` as published, `mp`)
are among them. Some minutes a row; `--only` takes parts of the rows' names and keeps the others.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alloyengine.execute import execute
from alloyengine.report import Silent
from alloyengine.spec.result import TrainResult
from alloyengine.spec.train import TrainSpec
from alloyworks.cli.demo.story import EPOCHS, TASKS, TRAINING
from bench import machine, models, scores_models

Figures = dict[str, Any]
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Tuning:
    name: str
    how: Mapping[str, Any]
    changes: Mapping[str, Any] = field(default_factory=dict)  # of the demo's training


FROZEN = {"method": "spectrum", "percent": 25, "train_embeddings": False}
TUNINGS = (
    Tuning("full", {"method": "full"}),
    Tuning("full, rate 1e-4", {"method": "full"}, {"learning_rate": 1e-4}),
    Tuning("Spectrum-25, embeddings frozen", FROZEN),
    Tuning("Spectrum-25, embeddings frozen, mp", FROZEN | {"score": "mp"}),
    Tuning("Spectrum-25", FROZEN | {"train_embeddings": True}),
    Tuning("LoRA r 16", {"method": "lora", "rank": 16}),
)


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    """With `quick` one seed."""
    for tuning in TUNINGS:
        for task in TASKS:
            name = f"{task}: {tuning.name}"
            if not only or any(word in name for word in only):
                yield name, _learn(tuning, task, SEEDS[:1] if quick else SEEDS)


def _learn(tuning: Tuning, task: str, seeds: Sequence[int]) -> Figures:
    runs = []
    for seed in seeds:
        print(f"{task}: {tuning.name}, seed {seed} …", file=sys.stderr)
        runs.append(_once(spec_of(tuning, task, seed), task))
    scores = [run["score"] for run in runs]
    spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return {
        "%": round(statistics.mean(scores), 1),
        "±": round(spread, 1),
        "trained, M": round(runs[0]["trained"] / 1e6, 1),
        "of seeds": {"scores": scores},
        "where": machine.where(),
    }


def spec_of(tuning: Tuning, task: str, seed: int) -> TrainSpec:
    demo = {**TRAINING, "model": "base", "dataset": task, "epochs": EPOCHS[task]}
    return TrainSpec.model_validate(
        demo | {"tuning": dict(tuning.how), "seed": seed} | dict(tuning.changes)
    )


def _once(spec: TrainSpec, task: str) -> Figures:
    with tempfile.TemporaryDirectory(dir=models.room()) as room:
        folder = Path(room)
        scores_models.write_sets(folder / "sets")
        inputs = {"base": models.smollm2(0), task: folder / "sets" / task}
        result = execute(spec, inputs, folder / "out", Silent())
        if not isinstance(result, TrainResult):
            raise TypeError("a training has another result")
        score = scores_models.scores(folder / "out", folder / "sets", folder / "answers", [task])
    value = round(100 * score[task].value, 1)
    return {"score": value, "trained": result.trained_parameters}
