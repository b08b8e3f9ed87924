"""A training of the platform that two machines share: two runners, each with a disk of its own."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engine.platform_standin import Standin, standin
from tests.engine.running import (
    TRAIN,
    children,
    inputs_of_train,
    losses_alone,
    runners,
    until,
)

SHARED = TRAIN | {"evaluation": {"share": 0.2, "every": 2}, "resources": {"nodes": 2}}
LONG = SHARED | {"epochs": 100, "batch_size": 1}
Runner = subprocess.Popen[bytes]
Machine = Callable[[int], Runner]
"""Starts the runner of the machine with this rank."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return inputs_of_train(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def platform() -> Iterator[Standin]:
    with standin() as server:
        yield server


@pytest.fixture
def machine(platform: Standin, tmp_path: Path) -> Iterator[Machine]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])

    with runners(platform, tmp_path) as start:

        def begin(rank: int) -> Runner:
            words = {"NNODES": "2", "NODE_RANK": str(rank), "MASTER_PORT": port}
            shared = {f"PET_{name}": value for name, value in words.items()}
            home = tmp_path / f"machine-{rank}"
            home.mkdir(exist_ok=True)
            return start(
                **shared,
                PET_MASTER_ADDR="localhost",
                XDG_CACHE_HOME=str(home / "cache"),
                ALLOY_RUNNER_SCRATCH=str(home / "scratch"),
            )

        yield begin


def words(platform: Standin) -> str:
    return " ".join(event["message"] for event in platform.said("log"))


def under_way(
    platform: Standin, machine: Machine, inputs: dict[str, Path]
) -> tuple[Runner, Runner]:
    platform.assign(LONG, inputs)
    pair = machine(0), machine(1)
    until(lambda: len(platform.losses()) > 2)
    return pair


def part(runner: Runner) -> psutil.Process:
    [engine] = children(runner)
    [found] = psutil.Process(engine).children()
    return found


def failure(platform: Standin) -> dict[str, Any]:
    assert platform.finish is not None and platform.finish["failure"], platform.finish
    return dict(platform.finish["failure"])


def test_two_machines_train_what_one_would(
    platform: Standin, machine: Machine, inputs: dict[str, Path], tmp_path: Path
) -> None:
    platform.assign(SHARED, inputs)
    second = machine(1)  # the one that leads may come last
    until(lambda: children(second))
    first = machine(0)
    assert (first.wait(120), second.wait(120)) == (0, 0)
    assert platform.finish is not None and platform.finish["result"], platform.finish

    alone = losses_alone(inputs, tmp_path / "alone", evaluation=SHARED["evaluation"])
    assert platform.losses() == pytest.approx(alone, rel=1e-3)
    assert "out/model.safetensors" in platform.storage
    assert words(platform).count("Spectrum trains") == 1
    assert not (tmp_path / "machine-1/cache").exists()  # it was told what to train


def test_what_two_were_stopped_at_two_go_on_with(
    platform: Standin, machine: Machine, inputs: dict[str, Path]
) -> None:
    """The second has no checkpoint on its disk, ever. Those of another version cost but their steps."""
    pair = under_way(platform, machine, inputs)
    platform.stop = True
    assert [each.wait(60) for each in pair] == [0, 0]
    assert platform.finish is not None and platform.finish["stopped"] is True
    kept = platform.checkpoints[-1]

    again(platform, LONG, inputs, kept)
    pair = machine(0), machine(1)
    until(lambda: len(platform.losses()) > 2)
    platform.stop = True
    assert [each.wait(60) for each in pair] == [0, 0]
    assert f"Goes on after step {kept['step']} of" in words(platform)
    [first, *_] = [point["step"] for point in platform.said("metric") if point["name"] == "loss"]
    assert first == kept["step"] + 1

    again(platform, SHARED, inputs, kept)
    pair = machine(0), machine(1)
    assert [each.wait(120) for each in pair] == [0, 0]
    assert platform.finish is not None and platform.finish["result"], platform.finish
    assert "it begins anew" in words(platform)


def again(
    platform: Standin, spec: dict[str, Any], inputs: dict[str, Path], kept: dict[str, Any]
) -> None:
    """Another attempt, with a checkpoint of the first."""
    platform.stop, platform.finish = False, None
    platform.events.clear()
    platform.assign(spec, inputs)
    platform.offer(kept)


def test_one_that_must_leave_stops_both_with_a_checkpoint(
    platform: Standin, machine: Machine, inputs: dict[str, Path]
) -> None:
    first, second = under_way(platform, machine, inputs)
    second.terminate()
    assert (first.wait(60), second.wait(60)) == (0, 143)
    assert failure(platform)["code"] == "evicted"
    assert platform.checkpoints


@pytest.mark.parametrize("rank", [0, 1])
def test_one_that_is_killed_ends_the_job_and_is_told(
    platform: Standin, machine: Machine, inputs: dict[str, Path], rank: int
) -> None:
    pair = under_way(platform, machine, inputs)
    parts = [part(each) for each in pair]
    os.kill(parts[rank].pid, signal.SIGKILL)
    until(lambda: platform.finish is not None)
    assert (failure(platform)["code"], failure(platform)["fault"]) == ("process_killed", "capacity")
    platform.stale = True
    until(lambda: all(each.poll() is not None for each in pair))
    until(lambda: not any(each.is_running() for each in parts))


def test_one_that_waits_for_the_other_can_be_stopped(
    platform: Standin, machine: Machine, inputs: dict[str, Path]
) -> None:
    platform.assign(SHARED, inputs)
    first = machine(0)
    until(lambda: children(first) and psutil.Process(children(first)[0]).children())
    platform.stop = True
    assert first.wait(60) == 0
    assert platform.finish is not None and platform.finish["stopped"] is True


def test_inputs_that_one_can_not_fetch_end_the_job(
    platform: Standin, machine: Machine, inputs: dict[str, Path]
) -> None:
    platform.assign(SHARED, inputs)
    for file in platform.assignment["inputs"][0]["files"]:
        file["sha256"] = "0" * 64
    assert machine(1).wait(60) == 0
    assert failure(platform)["code"] == "transfer_failed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"resources": {"nodes": 3}}, "resources_nodes"),
        ({"evaluation": {"share": 0.99}}, "dataset_nothing_to_learn"),
    ],
)
def test_what_is_wrong_is_told(
    platform: Standin, machine: Machine, inputs: dict[str, Path], changes: dict[str, Any], code: str
) -> None:
    platform.assign(SHARED | changes, inputs)
    pair = machine(0), machine(1)
    until(lambda: platform.finish is not None)
    assert (failure(platform)["code"], failure(platform)["fault"]) == (code, "user")
    assert failure(platform)["remedy"]
    platform.stale = True
    until(lambda: all(each.poll() is not None for each in pair))
