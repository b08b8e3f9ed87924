"""Checkpoints leave the machine while training goes on, and another attempt goes on from them."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from alloyengine.errors import Stopped
from alloyengine.report import Silent
from alloyengine.runner.checkpoints import bring_back
from alloyengine.runner.child import _run
from alloyengine.runner.client import Platform
from alloyengine.runner.heart import Heart
from alloyengine.runner.messages import Work
from alloyengine.spec.protocol import LogEvent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.run import run
from tests.engine.platform_standin import Standin, standin
from tests.engine.running import Start, alive, children, runners, until
from tests.engine.tiny import tiny_llama

TRAIN: dict[str, Any] = {
    "kind": "train",
    "model": "m",
    "dataset": "d",
    "tuning": {"method": "spectrum", "percent": 50, "train_embeddings": False},
    "epochs": 60,
    "batch_size": 3,
    "learning_rate": 1e-2,
    "max_length": 64,
    "evaluation": {"share": 0.2, "every": 7},
    "checkpoint_minutes": 1e-9,  # after every step
}


@dataclass(frozen=True)
class Kept:
    """What an attempt that was killed has left in storage."""

    storage: dict[str, bytes]
    manifests: list[dict[str, Any]]  # the newest last


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    rows = [{"prompt": f"Symbol of {n}?", "completion": n[:2]} for n in map(str, range(100, 120))]
    (folder / "facts").mkdir()
    (folder / "facts/train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return {"m": tiny_llama(folder / "llama", seed=1), "d": folder / "facts"}


@pytest.fixture(scope="module")
def kept(inputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Kept:
    with standin() as server, runners(server, tmp_path_factory.mktemp("killed")) as start:
        server.assign(TRAIN, inputs)
        runner = start()
        until(lambda: len(server.checkpoints) >= 2)
        [engine] = children(runner)
        runner.kill()
        until(lambda: not alive(engine))
        assert server.finish is None
        return Kept(dict(server.storage), list(server.checkpoints))


@pytest.fixture
def platform(inputs: dict[str, Path]) -> Iterator[Standin]:
    with standin() as server:
        server.assign(TRAIN, inputs)
        yield server


@pytest.fixture
def start(platform: Standin, tmp_path: Path) -> Iterator[Start]:
    with runners(platform, tmp_path) as runner:
        yield runner


def offer(platform: Standin, kept: Kept) -> tuple[int, int]:
    """The next attempt may go on from the last two. Their steps, the newer one first."""
    platform.storage |= {k: v for k, v in kept.storage.items() if k.startswith("checkpoints/")}
    *_, before, last = kept.manifests
    platform.offer(last, before)
    return last["step"], before["step"]


def uninterrupted(inputs: dict[str, Path], out: Path) -> bytes:
    run(TrainSpec.model_validate(TRAIN), inputs, out, Silent())
    return (out / "model.safetensors").read_bytes()


def logs(platform: Standin) -> str:
    return "\n".join(event["message"] for event in platform.said("log"))


def steps(platform: Standin) -> list[int]:
    return [told["step"] for told in platform.checkpoints]


def test_another_attempt_goes_on_and_its_model_is_that_of_an_uninterrupted_run(
    platform: Standin, start: Start, kept: Kept, inputs: dict[str, Path], tmp_path: Path
):
    last, _ = offer(platform, kept)
    assert start().wait(90) == 0
    assert f"Found the checkpoint of attempt 1 after step {last}" in logs(platform)
    assert f"Goes on after step {last} of" in logs(platform)
    assert min(point["step"] for point in platform.said("metric")) == last + 1
    expected = uninterrupted(inputs, tmp_path / "whole")
    assert platform.storage["out/model.safetensors"] == expected


def brought_back(platform: Standin, folder: Path) -> tuple[list[str], str]:
    """The checkpoints that another attempt finds in its folder, and what it says."""
    line = Platform(platform.url, platform.token)
    heart = Heart(line, leaving=Event())
    bring_back(line.assignment().checkpoints, folder, heart)
    line.close()
    said = [event.body for event in heart.outbox.take()]
    told = "\n".join(body.message for body in said if isinstance(body, LogEvent))
    return sorted(path.name for path in folder.glob("step-*")), told


@pytest.mark.parametrize("file", ["state.json", "weights.safetensors", "optimiser.safetensors"])
@pytest.mark.parametrize("harm", ["gone", "short", "other"])
def test_a_damaged_checkpoint_is_not_used_but_the_one_before(
    platform: Standin, kept: Kept, tmp_path: Path, file: str, harm: str
):
    last, before = offer(platform, kept)
    damage(platform, last, file, harm)
    found, told = brought_back(platform, tmp_path / "checkpoints")
    assert found == [f"step-{before:06}"]
    assert f"The checkpoint after step {last} can't be used" in told
    assert f"Found the checkpoint of attempt 1 after step {before}." in told
    assert not (tmp_path / "checkpoints.arriving").exists()


def damage(platform: Standin, step: int, file: str, harm: str) -> None:
    key = next(k for k in platform.storage if k.startswith(f"checkpoints/{step}/") and file in k)
    data = platform.storage.pop(key)
    if harm != "gone":
        platform.storage[key] = data[:-1] if harm == "short" else data[:-1] + bytes([data[-1] ^ 1])


def test_without_a_sound_checkpoint_it_begins_anew(platform: Standin, kept: Kept, tmp_path: Path):
    for step in offer(platform, kept):
        damage(platform, step, "state.json", "gone")
    found, told = brought_back(platform, tmp_path / "checkpoints")
    assert found == []
    assert "No checkpoint can be used: the job begins anew." in told


def test_a_first_attempt_says_nothing_of_checkpoints(platform: Standin, tmp_path: Path):
    assert brought_back(platform, tmp_path / "checkpoints") == ([], "")


class Impatient(Silent):
    """Stops a run after its first step."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.logs: list[str] = []

    def log(self, message: str, level: Any = "info") -> None:
        self.logs.append(message)

    def metric(self, name: str, step: int, value: float) -> None:
        self.steps.append(step)

    def stopping(self) -> bool:
        return bool(self.steps)


def test_a_checkpoint_of_an_earlier_version_costs_steps_and_not_the_job(
    platform: Standin, kept: Kept, inputs: dict[str, Path], tmp_path: Path
):
    offer(platform, kept)
    brought_back(platform, tmp_path / "checkpoints")
    changed = TRAIN | {"learning_rate": 2e-2}  # so its identity is another
    places = {name: {"folder": folder} for name, folder in inputs.items()}
    task = {"spec": changed, "inputs": places, "out": tmp_path / "out", "streams": False}
    work = Work.model_validate(task | {"checkpoints": tmp_path / "checkpoints"})
    report: Any = Impatient()
    agent: Any = None
    with pytest.raises(Stopped):
        _run(work, agent, report, agent)
    assert any("of another version of the job: it begins anew" in line for line in report.logs)
    assert report.steps[0] == 1


def test_who_must_make_room_leaves_a_checkpoint_of_its_last_step(
    platform: Standin, start: Start, inputs: dict[str, Path]
):
    platform.assign(TRAIN | {"checkpoint_minutes": 60, "epochs": 100}, inputs)
    runner = start()
    until(lambda: len(platform.said("metric")) > 20)
    assert not platform.checkpoints
    runner.terminate()
    assert runner.wait(30) == 0
    assert platform.finish is not None
    assert platform.finish["failure"]["code"] == "evicted"
    assert steps(platform) == [max(point["step"] for point in platform.said("metric"))]


def test_slow_storage_holds_up_neither_training_nor_the_heart(platform: Standin, start: Start):
    platform.puts = 2.0
    runner = start()
    until(lambda: platform.said("metric"))
    begun, beats = time.monotonic(), platform.beats
    done = platform.said("metric")[-1]["step"]
    time.sleep(4)
    assert platform.beats - beats >= 0.7 * (time.monotonic() - begun)
    assert platform.finish is not None or platform.said("metric")[-1]["step"] > done + 10
    runner.kill()


def test_a_runner_that_slept_too_long_hears_it_and_sends_nothing(platform: Standin, start: Start):
    """SIGSTOP past its lease, while another attempt has begun; then SIGCONT."""
    runner = start()
    until(lambda: platform.checkpoints)
    runner.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    platform.stale, events, kept = True, len(platform.events), len(platform.checkpoints)
    time.sleep(1)
    runner.send_signal(signal.SIGCONT)
    assert runner.wait(30) == 3
    assert platform.finish is None
    assert (len(platform.events), len(platform.checkpoints)) == (events, kept)
    assert not any(key.startswith("out/") for key in platform.storage)
