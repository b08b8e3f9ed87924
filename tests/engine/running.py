"""Runners as an executor starts them: real processes, against a stand-in of the platform."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.run import run
from tests.engine.platform_standin import Standin
from tests.engine.tiny import tiny_llama

TRAIN: dict[str, Any] = {
    "kind": "train",
    "model": "m",
    "dataset": "d",
    "tuning": {"method": "spectrum", "percent": 50, "train_embeddings": False},
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "max_length": 64,
}


class Start(Protocol):
    def __call__(self, **more: str) -> subprocess.Popen[bytes]:
        """A new runner, with these variables besides."""


@contextmanager
def runners(platform: Standin, folder: Path) -> Iterator[Start]:
    """What is still there at the end is killed."""
    token = folder / "token"
    token.write_text(platform.token)
    ours = {
        "ALLOY_RUNNER_URL": platform.url,
        "ALLOY_RUNNER_TOKEN_FILE": str(token),
        "ALLOY_RUNNER_SCRATCH": str(folder / "scratch"),
    }
    started = []

    def runner(**more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "alloyengine.runner"]
        started.append(subprocess.Popen(command, env=os.environ | ours | more))
        return started[-1]

    try:
        yield runner
    finally:
        for process in started:
            process.kill()
            process.wait()


def inputs_of_train(folder: Path) -> dict[str, Path]:
    """A tiny model, and twenty facts to learn."""
    rows = [{"prompt": f"Symbol of {n}?", "completion": n[:2]} for n in map(str, range(100, 120))]
    (folder / "facts").mkdir()
    (folder / "facts/train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {"m": tiny_llama(folder / "llama", seed=1), "d": folder / "facts"}


def losses_alone(inputs: dict[str, Path], out: Path, **changes: Any) -> list[float]:
    """Of one process that does the same."""
    heard: list[float] = []

    class Heard(Silent):
        def metric(self, name: str, step: int, value: float) -> None:
            if name == "loss":
                heard.append(value)

    run(TrainSpec.model_validate(TRAIN | changes), inputs, out, Heard())
    return heard


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    tasks = Path(f"/proc/{process.pid}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
