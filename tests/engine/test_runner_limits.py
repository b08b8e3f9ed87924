"""An engine that wants more than it may have: real processes, real limits, a real full disk."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.platform_standin import Standin, standin
from tests.engine.running import Start, runners
from tests.engine.tiny import tiny_llama

TRAIN = {
    "kind": "train",
    "model": "m",
    "dataset": "d",
    "tuning": {"method": "full"},
    "batch_size": 3,
    "max_length": 64,
}
GREEDY = """
from alloyengine.runner import deaths, limits
limits.keep()
try:
    bytearray(10**9)
except MemoryError as error:
    print(deaths.exhausted(error))
"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Standin]:
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"prompt": f"Symbol of {n}?", "completion": f"{n}"} for n in range(10, 30)]
    (data / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with standin() as server:
        server.assign(TRAIN, {"m": tiny_llama(tmp_path / "m", seed=1), "d": data})
        yield server


@pytest.fixture
def start(platform: Standin, tmp_path: Path) -> Iterator[Start]:
    with runners(platform, tmp_path) as runner:
        yield runner


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "scratch"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can't be mounted here: that takes root and its rights")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_who_wants_more_memory_than_is_allowed_hears_how_much_that_is():
    limit = {"ALLOY_ENGINE_MEMORY_GB": "0.5"}
    command = [sys.executable, "-c", GREEDY]
    done = subprocess.run(
        command, env=os.environ | limit, capture_output=True, text=True, check=True
    )
    assert "code='out_of_memory' fault='capacity'" in done.stdout
    assert "The 0.5 GB that a job may take did not suffice." in done.stdout


def test_who_writes_a_larger_file_than_is_allowed_hears_how_large_it_may_be(
    platform: Standin, start: Start
):
    assert start(ALLOY_ENGINE_FILE_GB="0.00005").wait(120) == 0
    failure = ended(platform)
    assert (failure["code"], failure["fault"]) == ("disk_full", "capacity")
    assert "larger than the 5e-05 GB that are allowed" in failure["message"]


def test_generous_limits_are_not_noticed(platform: Standin, start: Start):
    limits = {"MEMORY_GB": "16", "FILE_GB": "1", "PROCESSES": "4096"}
    named = {f"ALLOY_ENGINE_{name}": value for name, value in limits.items()}
    assert start(**named).wait(120) == 0
    assert platform.finish is not None
    assert platform.finish["result"]["facts"]["architecture"] == "LlamaForCausalLM"


def test_a_full_disk_ends_the_job_and_says_so(platform: Standin, start: Start, small_disk: Path):
    """Full when the inputs are there, and the result is to be written."""
    assert start().wait(120) == 0
    failure = ended(platform)
    assert (failure["code"], failure["fault"]) == ("disk_full", "capacity")
    assert "the disk has" in failure["message"]


def ended(platform: Standin) -> dict[str, Any]:
    assert platform.finish is not None
    failure: dict[str, Any] = platform.finish["failure"]
    return failure
