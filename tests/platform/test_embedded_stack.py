"""The whole stack, really started, killed and stopped: on one machine, several times."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest

from alloyworks.embedded import health, stack
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import State
from alloyworks.errors import Conflict

NAMES = ["postgres", "valkey", "s3", "web", "web-2", "worker", "beat"]


@pytest.fixture(autouse=True, scope="module")
def no_settings_of_the_test_session():
    """The stack takes ALLOY_… variables for outside servers, and this session has set them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ALLOY_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack") / "state"
    yield folder
    stack.stop(folder)


@pytest.fixture
def up(folder, no_settings_of_the_test_session):
    return stack.start(folder)


def facts(folder):
    return stack.facts(State(folder))


def mark(folder, name):
    child = facts(folder)["children"][name]
    return Mark(**child["mark"]) if child["mark"] else None


def until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def processes_of(folder: Path):
    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            of_stack = process.environ().get("ALLOY_STATE_DIR") == str(folder)
        except psutil.Error:
            continue
        if of_stack or str(folder) in (process.info["cmdline"] or []):
            found.append(process)
    return found


def objects(running):
    return boto3.client(
        "s3",
        endpoint_url=running.env["ALLOY_S3_ENDPOINT_URL"],
        aws_access_key_id=running.env["ALLOY_S3_ACCESS_KEY"],
        aws_secret_access_key=running.env["ALLOY_S3_SECRET_KEY"],
        region_name="us-east-1",
    )


def test_every_service_of_a_started_stack_does_its_work(up):
    found = stack.status(up.state_dir)
    assert [service.name for service in found] == NAMES
    assert [service.problem for service in found] == [""] * len(NAMES)


def test_the_pages_answer_at_the_url(up):
    with urllib.request.urlopen(f"{up.url}/healthz") as answer:
        assert answer.read() == b"ok\n"


def test_a_second_start_finds_the_first_one_up(up, folder):
    before = facts(folder)
    again = stack.start(folder)
    assert again.was_up
    assert (again.url, facts(folder)) == (up.url, before)


def test_the_object_store_refuses_strangers(up):
    stranger = boto3.client(
        "s3",
        endpoint_url=up.env["ALLOY_S3_ENDPOINT_URL"],
        aws_access_key_id="stranger",
        aws_secret_access_key="guess",
        region_name="us-east-1",
    )
    with pytest.raises(stranger.exceptions.ClientError):
        stranger.list_buckets()


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_service_is_back_within_seconds(up, folder, name):
    first = mark(folder, name)
    os.kill(first.pid, signal.SIGKILL)

    def back():
        now = mark(folder, name)
        return now not in (None, first) and facts(folder)["children"][name]["ready"]

    until(back, 20)


def test_what_is_stored_survives_a_stop(up, folder):
    objects(up).put_object(Bucket="alloyworks", Key="kept", Body=b"a file")
    with psycopg.connect(up.env["ALLOY_DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    assert stack.stop(folder)
    assert processes_of(folder) == []
    again = stack.start(folder)
    assert again.env == up.env
    assert objects(again).get_object(Bucket="alloyworks", Key="kept")["Body"].read() == b"a file"
    with psycopg.connect(again.env["ALLOY_DATABASE_OWNER_URL"]) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_killed_supervisor_does_not_stand_in_the_way_of_the_next(up, folder):
    dead = Mark(**facts(folder)["supervisor"])
    os.kill(dead.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(dead.pid)], timeout=5)
    again = stack.start(folder)
    assert not again.was_up
    assert [service.problem for service in stack.status(folder)] == [""] * len(NAMES)


def test_a_job_outlives_the_supervisor_but_not_alloy_down(up, folder):
    code = [sys.executable, "-P", "-c", "import time; time.sleep(600)", "alloyengine.runner"]
    scratch = {**os.environ, "ALLOY_RUNNER_SCRATCH": str(folder / "scratch")}
    with subprocess.Popen(code, env=scratch, start_new_session=True) as job:
        os.kill(facts(folder)["supervisor"]["pid"], signal.SIGTERM)
        until(lambda: not stack.is_up(State(folder)), 30)
        assert job.poll() is None
        stack.stop(folder)
        assert job.poll() is not None


def test_a_port_in_use_is_refused_with_the_way_out(tmp_path):
    from http.server import HTTPServer, SimpleHTTPRequestHandler

    local = ("127.0.0.1", 0)
    with (
        HTTPServer(local, SimpleHTTPRequestHandler) as server,
        pytest.raises(Conflict, match="--port"),
    ):
        stack.start(tmp_path, server.server_port)


def test_ctrl_c_in_the_foreground_leaves_nothing_behind(folder):
    stack.stop(folder)
    code = "import sys; from alloyengine.cli.main import main; main()"
    words = [sys.executable, "-P", "-u", "-c", code, "up", "--state", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert any("Ctrl-C" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    assert processes_of(folder) == []


def test_two_starts_at_once_make_one_stack(folder):
    stack.stop(folder)
    code = "import sys; from alloyengine.cli.main import main; main()"
    words = [sys.executable, "-P", "-c", code, "up", "--detach", "--state", str(folder)]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    shown = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("Already up" in words for words in shown) == 1
    assert (
        len([p for p in processes_of(folder) if "alloyworks.embedded.supervisor" in p.cmdline()])
        == 1
    )


def test_another_stack_at_our_port_is_not_taken_for_ours(up):
    url = f"{up.url}/healthz"
    health.page(url, up.env["ALLOY_SECRET_KEY"])
    with pytest.raises(RuntimeError, match="another program answers"):
        health.page(url, "the key of another deployment")
