"""What the tests of faults look at, and what they do to it."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import processes, stack
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import State

ROWS = [
    {"prompt": question, "completion": answer, "split": side}
    for side in ("train", "train", "train", "test")
    for question, answer in [("gold?", "Au"), ("iron?", "Fe"), ("tin?", "Sn"), ("lead?", "Pb")]
]


def until(
    condition: Callable[[], Any], seconds: float = 60, why: Callable[[], Any] = lambda: ""
) -> Any:
    """What the condition gives at last; `why` tells more when it never does."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited too long: {why()}"
        time.sleep(0.05)
    return found


def service(up: stack.Running, name: str) -> Mark | None:
    """The process, once it does its work."""
    child = stack.facts(State(up.state_dir))["children"][name]
    return Mark(**child["mark"]) if child["ready"] else None


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def engine_of(agent: Mark) -> psutil.Process | None:
    with_engine = psutil.Process(agent.pid).children()
    return with_engine[0] if with_engine else None


def runner(state: Path) -> Mark | None:
    return next((mark for mark in processes.runners(state) if mark.alive()), None)


def pipeline(client: Client, base: str, data: str) -> dict[str, str]:
    """Train, merge the result with its base, evaluate both: each waits for the one before."""
    train = client.submit(
        {
            "kind": "train",
            "name": "symbols",
            "model": base,
            "dataset": data,
            "tuning": {"method": "spectrum", "percent": 50},
            "epochs": 100,
            "batch_size": 2,
        }
    )
    recipe = {"merge_method": "linear", "models": [{"model": base}, {"model": f"job:{train}"}]}
    for entry in recipe["models"]:
        entry["parameters"] = {"weight": 0.5}
    merge = client.submit({"kind": "merge", "name": "half", "recipe": recipe})
    asked = [{"dataset": data, "metric": "perplexity"}]
    models = [f"job:{train}", f"job:{merge}"]
    evaluate = client.submit({"kind": "evaluate", "models": models, "test_sets": asked})
    return {"train": train, "merge": merge, "evaluate": evaluate}
