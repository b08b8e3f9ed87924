"""Checkpoints on their way to storage: folders that look like the engine's, a real server."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from alloyengine.runner import checkpoints
from alloyengine.runner.checkpoints import Courier
from alloyengine.runner.client import Platform
from alloyengine.runner.heart import Heart
from alloyengine.spec.protocol import LogEvent
from tests.engine.platform_standin import Standin, standin
from tests.engine.running import until


@pytest.fixture
def platform() -> Iterator[Standin]:
    with standin() as server:
        yield server


@pytest.fixture
def heart(platform: Standin) -> Heart:
    return Heart(Platform(platform.url, platform.token), leaving=Event())


@pytest.fixture
def courier(platform: Standin, heart: Heart, tmp_path: Path) -> Courier:
    return Courier(tmp_path / "checkpoints", Platform(platform.url, platform.token), heart)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_LOOK", 0.02)
    monkeypatch.setattr(checkpoints, "_PAUSE", 0.1)


def write(folder: Path, step: int, content: bytes = b"weights") -> None:
    """As the engine does: beside, then renamed."""
    place = folder / "checkpoints" / f"step-{step:06}"
    draft = place.with_suffix(".partial")
    draft.mkdir(parents=True)
    (draft / "weights.safetensors").write_bytes(content)
    (draft / "state.json").write_text("{}")
    draft.rename(place)


def steps(platform: Standin) -> list[int]:
    return [told["step"] for told in platform.checkpoints]


def warnings(heart: Heart) -> list[str]:
    said: list[Any] = [event.body for event in heart.outbox.take()]
    return [body.message for body in said if isinstance(body, LogEvent) and body.level == "warning"]


def test_only_the_newest_is_sent_and_each_once(platform: Standin, courier: Courier, tmp_path: Path):
    write(tmp_path, 10)
    write(tmp_path, 20)
    with courier:
        until(lambda: platform.checkpoints)
        time.sleep(0.2)
        write(tmp_path, 30)
        until(lambda: len(platform.checkpoints) == 2)
    assert steps(platform) == [20, 30]


def test_a_draft_is_no_checkpoint(platform: Standin, courier: Courier, tmp_path: Path):
    draft = tmp_path / "checkpoints" / "step-000010.partial"
    draft.mkdir(parents=True)
    (draft / "state.json").write_text("{}")
    with courier:
        time.sleep(0.3)
    assert platform.planned == []


def test_what_was_there_before_is_not_sent_again(platform: Standin, heart: Heart, tmp_path: Path):
    """It came from storage."""
    write(tmp_path, 10)
    line = Platform(platform.url, platform.token)
    with Courier(tmp_path / "checkpoints", line, heart):
        time.sleep(0.3)
    assert platform.planned == []


def test_the_best_weights_and_the_curve_go_along(
    platform: Standin, courier: Courier, tmp_path: Path
):
    write(tmp_path, 10)
    (tmp_path / "checkpoints" / "best.safetensors").write_bytes(b"best")
    (tmp_path / "checkpoints" / "best.partial").write_bytes(b"be")
    (tmp_path / "checkpoints" / "curve.jsonl").write_text("[]")
    with courier:
        until(lambda: platform.checkpoints)
    [told] = platform.checkpoints
    assert [file["path"] for file in told["files"]] == [
        "best.safetensors",
        "curve.jsonl",
        "step-000010/state.json",
        "step-000010/weights.safetensors",
    ]


def test_what_the_engine_deletes_meanwhile_arrives_whole(
    platform: Standin, courier: Courier, tmp_path: Path
):
    platform.puts = 0.3
    write(tmp_path, 10, b"the first")
    with courier:
        until(lambda: platform.planned)
        shutil.rmtree(tmp_path / "checkpoints" / "step-000010")
        until(lambda: platform.checkpoints)
    assert platform.storage["checkpoints/10/step-000010/weights.safetensors"] == b"the first"


def test_storage_that_fails_costs_a_warning_and_a_later_try(
    platform: Standin, courier: Courier, heart: Heart, tmp_path: Path
):
    platform.signature = "2"  # what was signed before is refused
    plan = platform.plan
    platform.plan = lambda wanted: (
        plan(wanted)
        | {  # type: ignore[method-assign]
            "urls": [f"{platform.url}/storage/x?1"]
        }
    )
    write(tmp_path, 10)
    with courier:
        until(lambda: heart.outbox)
        del platform.plan  # type: ignore[method-assign]
        until(lambda: platform.checkpoints)
    [warning, *_] = warnings(heart)
    assert "could not be sent, the job goes on" in warning
    assert "http" not in warning


def test_an_attempt_that_is_over_ends_it(
    platform: Standin, courier: Courier, heart: Heart, tmp_path: Path
):
    platform.stale = True
    write(tmp_path, 10)
    with courier:
        until(heart.stale.is_set)
    assert platform.checkpoints == []


def test_the_end_of_the_engine_does_not_wait_for_what_nobody_needs(
    platform: Standin, courier: Courier, tmp_path: Path
):
    platform.puts = 5.0
    write(tmp_path, 10)
    with courier:
        until(lambda: platform.planned)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    assert platform.checkpoints == []


def test_the_last_one_is_sent_when_there_is_time(
    platform: Standin, courier: Courier, tmp_path: Path
):
    platform.puts = 0.2
    with courier:
        later = Thread(target=write, args=(tmp_path, 10))
        later.start()
        later.join()
        courier.close(20)
    assert steps(platform) == [10]
