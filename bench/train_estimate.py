"""One training run beside its estimate, in a process of its own: `MODEL DATA HOW STEPS BATCH LENGTH CHECKS`.

HOW is as in train_one.py; CHECKS is `true` where activations are computed twice. Prints JSON: seconds of
all steps and bytes of memory at the highest, as they were foreseen and as they were.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from alloyengine.report import Silent
from alloyengine.train.run import run
from bench.train_one import spec_of


class Watch(Silent):
    """Hears the estimate, and when each step ended."""

    def __init__(self) -> None:
        self.estimate: dict[str, Any] = {}
        self.ends: list[float] = []
        self.peak = 0

    def report(self, name: str, data: dict[str, Any]) -> None:
        if name == "estimate":
            self.estimate = data

    def metric(self, name: str, step: int, value: float) -> None:
        if name == "loss":
            self.ends.append(time.perf_counter())
            self.peak = _peak()

    @property
    def seconds(self) -> float:
        """Of all steps; the first counts as much as the others do."""
        return (self.ends[-1] - self.ends[0]) * len(self.ends) / (len(self.ends) - 1)


def _peak() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(model: str, data: str, how: str, steps: str, batch: str, length: str, checks: str) -> None:
    again = {"gradient_checkpointing": checks == "true"}
    spec = spec_of(how, int(steps), int(batch), int(length), **again)
    watch = Watch()
    with tempfile.TemporaryDirectory(dir=data) as room:
        run(spec, {"m": Path(model), "d": Path(data)}, Path(room) / "out", watch)
    figures = {
        "seconds": watch.seconds,
        "foreseen seconds": watch.estimate["seconds"],
        "bytes": watch.peak,
        "foreseen bytes": watch.estimate["peak"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
