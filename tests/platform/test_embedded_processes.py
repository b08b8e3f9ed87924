"""Children of the supervisor: real processes, really killed."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from alloyworks.embedded import processes, services
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.services import Service
from alloyworks.embedded.state import BUCKET, State
from alloyworks.embedded.supervisor import Child

SLEEP = [sys.executable, "-P", "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-P",
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def started():
    """Starts processes, and ends whatever is left of them."""
    found = []

    def start(command, log, **options):
        found.append(processes.spawn(command, os.environ, log, **options))
        return found[-1]

    yield start
    for process in found:
        process.kill()
        process.wait()


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def child(tmp_path):
    service = Service("sleeper", SLEEP, check=lambda: None)
    child = Child(service, tmp_path / "log", dict(os.environ))
    child.start()
    yield child
    if child.popen:
        child.popen.kill()
        child.popen.wait()


def test_a_killed_child_is_started_again_within_seconds(child):
    first = child.mark
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: child.tend() and child.mark is not None and child.mark != first, 5)
    assert child.mark.alive()
    assert child.restarts == 1


def test_a_child_that_dies_again_and_again_is_started_ever_more_slowly(child):
    pauses = []
    for _ in range(3):
        mark = child.mark
        os.kill(mark.pid, signal.SIGKILL)
        until(lambda mark=mark: child.tend() and child.mark not in (None, mark))
        pauses.append(child.pause)
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 1.6


def test_a_service_whose_check_raises_is_not_ready(tmp_path):
    def check():
        raise ConnectionRefusedError

    child = Child(Service("deaf", SLEEP, check), tmp_path / "log", {})
    assert not child.ask()
    assert not child.ready


def test_a_stubborn_process_is_made_to_stop(started, tmp_path):
    process = started(STUBBORN, tmp_path / "log")
    until(lambda: "up" in processes.tail(tmp_path / "log"))
    processes.end([Mark.of(process.pid)], patience=0.3)
    assert not psutil.pid_exists(process.pid)


def test_ending_a_process_spares_a_descendant_in_a_session_of_its_own(started, tmp_path):
    code = (
        "import subprocess, sys, time; "
        f"print(subprocess.Popen({SLEEP!r}, start_new_session=True).pid, flush=True); "
        "time.sleep(600)"
    )
    process = started([sys.executable, "-P", "-c", code], tmp_path / "log")
    until(lambda: processes.tail(tmp_path / "log"))
    job = psutil.Process(int(processes.tail(tmp_path / "log")))
    processes.end([Mark.of(process.pid)], patience=2)
    assert job.is_running()
    job.kill()


def test_a_mark_does_not_take_another_process_with_the_same_number_for_its_own():
    assert Mark.of(os.getpid()).alive()
    assert not Mark(os.getpid(), started=1.0).alive()


def test_a_child_dies_with_a_supervisor_that_is_killed(tmp_path):
    code = (
        "import os, sys, time; from pathlib import Path; "
        "from alloyworks.embedded.processes import spawn; "
        f"print(spawn({SLEEP!r}, os.environ, Path(sys.argv[1])).pid, flush=True); "
        "time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    mark = Mark.of(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    until(lambda: not mark.alive(), 5)


def test_only_runners_of_this_state_folder_are_found(started, tmp_path):
    ours = {**os.environ, "ALLOY_RUNNER_SCRATCH": str(tmp_path / "ours" / "scratch")}
    fake = [sys.executable, "-P", "-c", "import time; time.sleep(600)", "alloyengine.runner"]
    with (tmp_path / "log").open("wb") as log:
        runner = subprocess.Popen(fake, env=ours, stdout=log)
    try:
        until(lambda: processes.runners(tmp_path / "ours"))
        assert processes.runners(tmp_path / "ours") == [Mark.of(runner.pid)]
        assert processes.runners(tmp_path / "theirs") == []
    finally:
        runner.kill()
        runner.wait()


def test_a_long_log_is_put_aside_under_its_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "LOG_BYTES", 10)
    log = tmp_path / "web.log"
    with log.open("ab") as writer:
        writer.write(b"an old and long line\n")
        writer.flush()
        processes.rotate(log)
        writer.write(b"new\n")
    assert log.read_text() == "new\n"
    assert log.with_suffix(".log.1").read_text() == "an old and long line\n"


def test_half_an_upload_that_a_killed_store_has_left_is_removed(tmp_path):
    state = State(tmp_path)
    state.prepare()
    state.choose_ports(web=None)
    folder = state.objects / BUCKET / "base"
    folder.mkdir()
    for name in ("model.safetensors", ".rclone_temp_multipart_1234"):
        (folder / name).touch()
    services.object_store(state).before()
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]
