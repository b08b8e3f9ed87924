"""One training run to be measured, in a process of its own: `MODEL DATA HOW STEPS BATCH LENGTH`.

HOW is `full`, `spectrum-25`, `lora-16`, … by our engine, or `trainer`: full tuning by transformers'
Trainer. Prints JSON: tokens a second (the median step after the first three), and the memory above the
loaded model at the highest. Both see the same packed sequences and learn every token.
"""

import json
import logging
import resource
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from alloyengine.report import Silent
from alloyengine.spec.objective import Cpt
from alloyengine.spec.train import TrainSpec
from alloyengine.train.loop import fit
from alloyengine.train.machine import make_ready, use_all_cores
from alloyengine.train.objectives import objective_of
from alloyengine.train.tune import open_to_train, tune

WARM = 3  # steps


class Steps(Silent):
    """Keeps every step's speed."""

    def __init__(self) -> None:
        self.speeds: list[float] = []

    def metric(self, name: str, step: int, value: float) -> None:
        if name == "tokens_per_second":
            self.speeds.append(value)


class Memory:
    """Bytes above what is in use when it is made, at the highest."""

    def __init__(self) -> None:
        self.before = self._now()

    def above(self) -> int:
        if torch.cuda.is_available():
            return int(torch.cuda.max_memory_allocated()) - self.before
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - self.before

    def _now(self) -> int:
        if torch.cuda.is_available():
            return int(torch.cuda.memory_allocated())
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()


def main(model: str, data: str, how: str, steps: str, batch: str, length: str) -> None:
    use_all_cores()
    if how != "trainer":
        make_ready()
    spec = spec_of(how, int(steps), int(batch), int(length))
    run = _trainer if how == "trainer" else _ours
    speeds, memory = run(spec, Path(model), Path(data))
    found = {"tokens/s": statistics.median(speeds[WARM:]), "bytes": memory}
    print(json.dumps(found))


def spec_of(how: str, steps: int, batch: int, length: int, **more: Any) -> TrainSpec:
    return TrainSpec(
        model="m",
        dataset="d",
        objective=Cpt(),
        tuning=_tuning_of(how),
        epochs=100,
        max_steps=steps,
        batch_size=batch,
        max_length=length,
        learning_rate=1e-5,
        **more,
    )


def _tuning_of(how: str) -> dict[str, Any]:
    kind, _, number = how.partition("-")
    match kind:
        case "spectrum":
            share, _, ends = number.partition("-")
            return {"method": kind, "percent": float(share), "train_embeddings": ends != "frozen"}
        case "lora":
            return {"method": kind, "rank": int(number)}
    return {"method": "full"}


def _ours(spec: TrainSpec, path: Path, data: Path) -> tuple[list[float], int]:
    model, tokenizer = open_to_train(path, spec)
    memory, report = Memory(), Steps()
    objective = objective_of(spec, {"m": path, "d": data}, tokenizer, report)
    objective.prepare(model)
    fit(objective, tune(model, spec, path, report), spec, report)
    return report.speeds, memory.above()


def _trainer(spec: TrainSpec, path: Path, data: Path) -> tuple[list[float], int]:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    logging.disable(logging.WARNING)
    model, tokenizer = open_to_train(path, spec)
    memory = Memory()
    items = objective_of(spec, {"m": path, "d": data}, tokenizer, Silent()).items
    whole = [item.tokens for item in items if len(item.tokens) == spec.max_length]
    rows = [{"input_ids": tokens, "labels": tokens} for tokens in whole]
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *args: Any, **more: Any) -> None:
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=spec.batch_size,
            max_steps=spec.max_steps or 1,
            learning_rate=spec.learning_rate,
            bf16=torch.cuda.is_available(),
            use_cpu=not torch.cuda.is_available(),
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            seed=0,
        )
        Trainer(model, arguments, train_dataset=rows, callbacks=[Clock()]).train()
    size = spec.batch_size * spec.max_length
    return [size / (b - a) for a, b in pairwise(ends)], memory.above()


if __name__ == "__main__":
    main(*sys.argv[1:])
