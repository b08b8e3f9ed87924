"""Where the time of a training step goes, in a process of its own: `MODEL DATA HOW STEPS BATCH LENGTH`.

HOW is as in train_one.py. Prints JSON: seconds of one step by what they are for, from torch's profiler. Products
are those of the weights; the rest is casts, norms, activations, rotations, and calling all of them.
"""

import json
import sys
from pathlib import Path
from typing import Any

from torch.profiler import ProfilerActivity, profile

from alloyengine.report import Silent
from alloyengine.train.loop import fit
from alloyengine.train.machine import make_ready
from alloyengine.train.objectives import objective_of
from alloyengine.train.tune import open_to_train, tune
from bench.train_one import WARM, spec_of

PRODUCTS = ("aten::mm", "aten::addmm")
ATTENTION = ("_Attention", "_AttentionBackward")
UPDATE = ("aten::_fused_adamw_", "aten::linalg_vector_norm")


class Steps(Silent):
    """Profiles what comes after the first steps."""

    def __init__(self) -> None:
        self.profile = profile(activities=[ProfilerActivity.CPU])
        self.seen = 0

    def progress(self, phase: str, done: int, total: int) -> None:
        self.seen = done
        if done == WARM:
            self.profile.__enter__()


def main(model: str, data: str, how: str, steps: str, batch: str, length: str) -> None:
    make_ready()
    spec, path = spec_of(how, int(steps), int(batch), int(length)), Path(model)
    loaded, tokenizer = open_to_train(path, spec)
    report = Steps()
    objective = objective_of(spec, {"m": path, "d": Path(data)}, tokenizer, report)
    objective.prepare(loaded)
    fit(objective, tune(loaded, spec, path, report), spec, report)
    report.profile.__exit__(None, None, None)
    print(json.dumps(seconds_of(report.profile.key_averages(), report.seen - WARM)))


def seconds_of(events: Any, steps: int) -> dict[str, float]:
    """Of one step."""
    own = {event.key: event.self_cpu_time_total / 1e6 / steps for event in events}
    whole = {event.key: event.cpu_time_total / 1e6 / steps for event in events}
    found = {
        "products": sum(own.get(name, 0.0) for name in PRODUCTS),
        "attention": sum(whole.get(name, 0.0) for name in ATTENTION),
        "update": sum(own.get(name, 0.0) for name in UPDATE),
    }
    return found | {"rest": sum(own.values()) - sum(found.values())}


if __name__ == "__main__":
    main(*sys.argv[1:])
