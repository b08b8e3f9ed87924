"""A training of the platform that two processes of one machine share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.platform_standin import Standin, standin
from tests.engine.running import (
    TRAIN,
    Start,
    children,
    inputs_of_train,
    losses_alone,
    runners,
    until,
)

SHARED = TRAIN | {"resources": {"gpus": 2}}
LONG = SHARED | {"epochs": 100, "batch_size": 2}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs_of_train(tmp_path_factory.mktemp("inputs"))


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
    until(lambda: len(platform.losses()) > 2)
    return runner, parts(runner)


def test_two_processes_train_what_one_would(
    platform: Standin, start: Start, inputs: dict[str, Path], tmp_path: Path
) -> None:
    platform.assign(SHARED, inputs)
    assert start().wait(120) == 0
    assert platform.finish is not None and "result" in platform.finish, platform.finish

    alone = losses_alone(inputs, tmp_path / "alone")
    assert platform.losses() == pytest.approx(alone, rel=1e-3)
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
    platform.assign(SHARED | changes, inputs)
    assert start().wait(120) == 0
    assert platform.finish is not None
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == (code, "user")
    assert failure["remedy"]
