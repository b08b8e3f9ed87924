"""Whole attempts: the real runner, its real child, a real server, tiny models."""

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.platform_standin import Standin, standin
from tests.engine.running import Start, alive, children, runners, until

MERGE = {
    "kind": "merge",
    "recipe": {
        "merge_method": "linear",
        "models": [
            {"model": "first", "parameters": {"weight": 0.5}},
            {"model": "second", "parameters": {"weight": 0.5}},
        ],
    },
}


@pytest.fixture
def platform(three_llamas: dict[str, Path]) -> Iterator[Standin]:
    with standin() as server:
        server.assign(MERGE, three_llamas)
        yield server


@pytest.fixture
def start(platform: Standin, tmp_path: Path) -> Iterator[Start]:
    with runners(platform, tmp_path) as runner:
        yield runner


@pytest.mark.parametrize("multipart", [False, True])
def test_a_merge_is_fetched_run_uploaded_and_finished(platform, start, tmp_path, multipart):
    platform.multipart = multipart
    assert start().wait(60) == 0
    assert platform.finish["result"]["facts"]["architecture"] == "LlamaForCausalLM"
    manifest = {file["path"]: file for file in platform.finish["files"]}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= manifest.keys()
    for path, file in manifest.items():
        data = platform.storage[f"out/{path}"]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"])
    assert not (tmp_path / "scratch").exists()


def test_events_arrive_in_order_and_progress_is_complete(platform, start):
    assert start().wait(60) == 0
    assert list(platform.events) == list(range(len(platform.events)))
    last = {event["phase"]: event for event in platform.said("progress")}
    assert {"Fetching inputs", "Merging", "Uploading results"} == last.keys()
    assert all(event["done"] == event["total"] for event in last.values())
    assert any("linear: 2 models" in event["message"] for event in platform.said("log"))


def test_a_users_mistake_is_told_with_its_remedy(platform, start, three_llamas):
    (three_llamas["second"] / "evil.bin").touch()
    platform.assign(MERGE, three_llamas)
    assert start().wait(60) == 0
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == ("model_pickle", "user")
    assert failure["remedy"].startswith("Save the model as safetensors")


def test_an_engine_that_breaks_is_our_fault_and_shows_no_path(platform, start, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'alloyengine.runner.child' in ' '.join(sys.orig_argv):\n"
        "    raise SystemExit('/somewhere/private/thing.py exploded')\n"
    )
    assert start(PYTHONPATH=str(tmp_path)).wait(60) == 0
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == ("engine_failed", "platform")
    assert "thing.py exploded" in failure["message"]
    assert "private" not in failure["message"]


def asleep(start, tmp_path: Path, seconds: float, first: str = "") -> subprocess.Popen[bytes]:
    """A runner whose engine sleeps before it begins."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\nif 'alloyengine.runner.child' in ' '.join(sys.orig_argv):\n"
        f"    {first or 'pass'}\n    time.sleep({seconds})\n"
    )
    runner = start(PYTHONPATH=str(tmp_path))
    until(lambda: children(runner))
    return runner


@pytest.fixture
def slow(start, tmp_path) -> subprocess.Popen[bytes]:
    return asleep(start, tmp_path, seconds=60)


def test_an_engine_that_is_killed_is_explained(platform, slow):
    os.kill(children(slow)[0], signal.SIGKILL)
    assert slow.wait(60) == 0
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == ("killed", "capacity")
    assert "ran out of memory" in failure["message"]


def test_a_cancelled_job_ends_within_ten_seconds_even_if_its_engine_does_not_listen(
    platform, start, tmp_path
):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    runner = asleep(start, tmp_path, seconds=60, first=deaf)
    time.sleep(1)
    platform.stop = True
    begun = time.monotonic()
    assert runner.wait(30) == 0
    assert time.monotonic() - begun < 10
    assert platform.finish["stopped"] is True


def test_an_order_to_stop_is_obeyed(platform, slow):
    platform.stop = True
    assert slow.wait(30) == 0
    assert platform.finish["stopped"] is True


def test_a_machine_that_wants_its_room_back_is_obeyed(platform, slow):
    slow.terminate()
    assert slow.wait(30) == 0
    assert platform.finish["failure"]["code"] == "evicted"


def test_a_stale_attempt_ends_at_once_and_says_nothing(platform, slow, tmp_path):
    [engine] = children(slow)
    platform.stale = True
    assert slow.wait(30) == 3
    assert platform.finish is None
    assert not alive(engine)
    assert not (tmp_path / "scratch").exists()


def test_a_network_outage_does_not_touch_the_engine(platform, slow):
    [engine] = children(slow)
    platform.down = True
    time.sleep(2)
    assert alive(engine)
    before = platform.beats
    platform.down = False
    until(lambda: platform.beats > before)
    platform.stop = True
    assert slow.wait(30) == 0
    assert platform.finish["stopped"] is True


def test_events_the_platform_stumbles_over_do_not_cost_the_lease(platform, slow):
    platform.stumbles = True
    before = platform.beats
    until(lambda: platform.beats > before + 2)
    platform.stumbles, told = False, len(platform.events)
    until(lambda: len(platform.events) > told)
    assert list(platform.events) == list(range(len(platform.events)))


def test_it_beats_while_the_platform_looks_at_the_result(platform, start):
    platform.finishing = 4.0
    runner = start()
    until(lambda: any(key.startswith("out/") for key in platform.storage))
    before = platform.beats
    assert runner.wait(60) == 0
    assert platform.beats >= before + 3


def test_the_engine_dies_with_its_agent(start, tmp_path):
    runner = start()
    until(lambda: children(runner))
    [engine] = children(runner)
    runner.kill()
    until(lambda: not alive(engine), seconds=30)


def test_a_runner_with_a_wrong_token_gives_up(platform, start):
    platform.token = "another"
    assert start().wait(30) == 1


@pytest.mark.parametrize("change", [b"", b"x"])
def test_an_input_that_changed_on_the_way_is_refused(platform, start, change: bytes):
    platform.storage["inputs/first/config.json"] = change
    assert start().wait(60) == 0
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == ("transfer_failed", "platform")
    assert "http" not in failure["message"]


def test_an_input_that_is_gone_is_told_without_its_secret_url(platform, start):
    del platform.storage["inputs/first/config.json"]
    assert start().wait(60) == 0
    message = platform.finish["failure"]["message"]
    assert message == "config.json could not be fetched: storage answered 404."


def test_a_merge_leaves_weights_in_storage(platform, start, tmp_path):
    runner = asleep(start, tmp_path, seconds=1)
    assert [path.name for path in (tmp_path / "scratch").rglob("*.safetensors")] == []
    assert [path.name for path in (tmp_path / "scratch").rglob("config.json")] == [
        "config.json"
    ] * 3
    assert runner.wait(60) == 0
    assert platform.ranges >= 2
    assert platform.planned[0].keys() == {"path", "size", "upload_id", "checkpoint"}
    assert platform.planned[0]["path"] == "model.safetensors"


def test_the_engines_task_is_readable_by_the_runner_alone(platform, start, tmp_path):
    asleep(start, tmp_path, seconds=60)
    assert (tmp_path / "scratch/work.json").stat().st_mode & 0o777 == 0o600


def test_urls_that_grow_too_old_are_renewed(platform, start, tmp_path):
    runner = asleep(start, tmp_path, seconds=1)
    platform.signature = "2"
    assert runner.wait(60) == 0
    assert platform.finish["result"]["kind"] == "merge"


def test_weights_that_are_gone_are_told_without_their_secret_url(platform, start, tmp_path):
    del platform.storage["inputs/first/model.safetensors"]
    assert start().wait(60) == 0
    failure = platform.finish["failure"]
    assert (failure["code"], failure["fault"]) == ("transfer_failed", "platform")
    assert failure["message"] == "model.safetensors could not be read: storage answered 404."


def test_weights_of_another_length_than_promised_are_refused(platform, start):
    platform.storage["inputs/first/model.safetensors"] += b"more"
    assert start().wait(60) == 0
    assert "was promised" in platform.finish["failure"]["message"]
