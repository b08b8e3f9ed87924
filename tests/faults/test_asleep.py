"""Processes that are suspended and wake up again, on a stack with short leases."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
import psutil
import pytest

from alloyworks.cli.demo.client import Client, Json
from alloyworks.embedded import stack
from alloyworks.embedded.processes import Mark
from tests.faults.tools import ROWS, runner, service, until
from tests.stacks import BASE, import_base, stack_of

pytestmark = pytest.mark.timeout(600)
LEASE = 12


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Running]:
    folder = tmp_path_factory.mktemp("asleep")
    with stack_of(folder, ALLOY_LEASE_SECONDS=str(LEASE)) as running:
        import_base(running, folder)
        yield running


@pytest.fixture(scope="module")
def user(hasty: stack.Running) -> Client:
    client = Client(hasty.url)
    client.sign_up("Asleep", "asleep@example.com", "a password of sixteen")
    return client


@pytest.fixture(scope="module")
def spec(user: Client) -> Json:
    return {
        "kind": "train",
        "name": "long",
        "model": user.base_model(BASE),
        "dataset": user.upload("symbols", ROWS * 20),
        "tuning": {"method": "spectrum", "percent": 50},
        "epochs": 100,
        "batch_size": 1,
        "checkpoint_minutes": 0.02,
    }


@contextmanager
def suspended(*leaders: Mark) -> Iterator[None]:
    heads = [psutil.Process(mark.pid) for mark in leaders]
    family = [*heads, *(child for head in heads for child in head.children(recursive=True))]
    try:
        for process in family:
            with suppress(psutil.NoSuchProcess):  # servers of a connection come and go
                process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def runs(user: Client, job: str) -> bool:
    return bool(user.job(job)["state"] == "running")


def test_suspended_processes_cost_what_they_should_and_no_more(
    hasty: stack.Running, user: Client, spec: Json
) -> None:
    """One job after the other fate: a stack is dear."""
    job = user.submit(spec)
    until(lambda: runs(user, job))

    # All of us sleep, or the database does, and the runner goes on: nobody is given up.
    for names in (("web", "web-2", "worker", "beat"), ("postgres",)):
        with suspended(*[until(lambda name=name: service(hasty, name)) for name in names]):
            time.sleep(LEASE + 5)
        time.sleep(LEASE / 2)
        assert (user.job(job)["attempt_number"], user.job(job)["state"]) == (1, "running")

    # The runner sleeps: another takes its place, and it is gone.
    first = until(lambda: runner(hasty.state_dir))
    with suspended(first):
        until(lambda: user.job(job)["attempt_number"] == 2)
        until(lambda: not first.alive())
    until(lambda: runs(user, job))

    # Whoever cancels waits ten seconds at most.
    begun = time.monotonic()
    user._call("POST", f"/jobs/{job}/cancel")
    until(lambda: user.job(job)["state"] == "cancelled", seconds=10)
    assert time.monotonic() - begun < 10
    until(lambda: runner(hasty.state_dir) is None, seconds=10)


def test_a_job_ends_at_its_deadline_and_a_retry_goes_on(
    hasty: stack.Running, user: Client, spec: Json
) -> None:
    job = user._call("POST", "/jobs", json=spec, params={"max_hours": 20 / 3600})["id"]

    until(lambda: user.job(job)["finished_at"], seconds=120, why=lambda: log(user, job))
    failure = user.job(job)["failure"]
    assert (failure["code"], failure["fault"]) == ("deadline", "user")

    user._call("POST", f"/jobs/{job}/retry")
    found = "Found the checkpoint of attempt 1"
    until(lambda: found in log(user, job), seconds=120, why=lambda: log(user, job))


def test_a_job_goes_on_when_the_stack_was_stopped_and_started(
    hasty: stack.Running, user: Client, spec: Json
) -> None:
    """Its last checkpoint was sent before the platform stopped."""
    job = user.submit(spec | {"checkpoint_minutes": 60})
    until(lambda: trains(user, job), why=lambda: log(user, job))

    stack.stop(hasty.state_dir)
    assert runner(hasty.state_dir) is None
    again = stack.start(hasty.state_dir)

    user.http.base_url = httpx.URL(f"{again.url}/api/v1")
    until(lambda: "Goes on after step" in log(user, job), seconds=90, why=lambda: log(user, job))
    told = log(user, job)
    kept = re.search(r"The checkpoint after step (\d+) is kept", told)
    assert kept, told
    assert f"Goes on after step {kept[1]} of" in told
    assert "The machine asked the job to make room." in told


def trains(user: Client, job: str) -> bool:
    progress = user.job(job)["progress"] or {"phase": ""}
    return bool(progress["phase"] == "Training" and progress["done"] > 5)


def log(user: Client, job: str) -> str:
    """The newest part is enough."""
    page = user._call("GET", f"/jobs/{job}/events", params={"limit": 1000})
    return "\n".join(event["message"] for event in page["items"])
