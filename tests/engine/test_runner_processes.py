"""A training of the platform that two processes of one machine share."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.run import run
from tests.engine.platform_standin import Standin, standin
from tests.engine.running import Start, children, runners, until
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
    "resources": {"gpus": 2},
}
LONG = TRAIN | {"epochs": 100, "batch_size": 2}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    rows = [{"prompt": f"Symbol of {n}?", "completion": n[:2]} for n in map(str, range(100, 116))]
    (folder / "facts").mkdir()
    (folder / "facts/train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {"m": tiny_llama(folder / "llama", seed=1), "d": folder / "facts"}


@pytest.fixture
def platform() -> Iterator[Standin]:
    with standin() as server:
        yield server


@pytest.fixture
def start(platform: Standin, tmp_path: Path) -> Iterator[Start]:
    with runners(platform, tmp_path) as runner:
        yield runner


def parts(runner: Any) -> list[psutil.Process]:
    return [part for engine in children(runner) for part in psutil.Process(engine).children()]


def under_way(platform: Standin, start: Start, inputs: dict[str, Path]) -> tuple[Any, list[Any]]:
    """A runner that trains, and its processes."""
    platform.assign(LONG, inputs)
    runner = start()
    until(lambda: len(losses(platform)) > 2)
    return runner, parts(runner)


def losses(platform: Standin) -> list[float]:
    return [point["value"] for point in platform.said("metric") if point["name"] == "loss"]


def test_two_processes_train_what_one_would(
    platform: Standin, start: Start, inputs: dict[str, Path], tmp_path: Path
) -> None:
    platform.assign(TRAIN, inputs)
    assert start().wait(120) == 0
    assert platform.finish is not None and "result" in platform.finish, platform.finish

    class Heard(Silent):
        losses: list[float] = []

        def metric(self, name: str, step: int, value: float) -> None:
            if name == "loss":
                self.losses.append(value)

    alone = TRAIN | {"resources": {"gpus": 1}}
    run(TrainSpec.model_validate(alone), inputs, tmp_path / "alone", Heard())
    assert losses(platform) == pytest.approx(Heard.losses, rel=1e-3)
    assert "out/model.safetensors" in platform.storage


def test_an_order_to_stop_reaches_both(
    platform: Standin, start: Start, inputs: dict[str, Path]
) -> None:
    runner, shared = under_way(platform, start, inputs)
    assert len(shared) == 2
    platform.stop = True
    assert runner.wait(60) == 0
    assert platform.finish is not None and platform.finish["stopped"] is True
    assert not any(part.is_running() for part in shared)


def test_one_that_is_killed_ends_the_job_and_is_told(
    platform: Standin, start: Start, inputs: dict[str, Path]
) -> None:
    runner, shared = under_way(platform, start, inputs)
    os.kill(shared[1].pid, signal.SIGKILL)
    assert runner.wait(60) == 0
    assert platform.finish is not None
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == ("process_killed", "capacity")
    assert not any(part.is_running() for part in shared)


def test_a_runner_that_is_killed_takes_all_with_it(
    platform: Standin, start: Start, inputs: dict[str, Path]
) -> None:
    runner, shared = under_way(platform, start, inputs)
    runner.kill()
    until(lambda: not any(part.is_running() for part in shared))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"resources": {"gpus": 2, "nodes": 2}}, "resources_nodes"),
        ({"resources": {"gpus": 64}}, "resources_gpus"),
        ({"tuning": {"method": "qlora"}}, "resources_tuning"),
    ],
)
def test_what_is_wrong_is_told_once(
    platform: Standin, start: Start, inputs: dict[str, Path], changes: dict[str, Any], code: str
) -> None:
    platform.assign(TRAIN | changes, inputs)
    assert start().wait(120) == 0
    assert platform.finish is not None
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == (code, "user")
    assert failure["remedy"]
