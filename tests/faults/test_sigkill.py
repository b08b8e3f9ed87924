"""Every process of a working stack is killed while jobs run: nothing is lost."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import processes, stack
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import State
from tests.stacks import BASE, import_base, stack_of

pytestmark = pytest.mark.timeout(600)
SERVICES = ["postgres", "valkey", "s3", "web", "worker", "beat"]
ROWS = [
    {"prompt": question, "completion": answer, "split": side}
    for side in ("train", "train", "train", "test")
    for question, answer in [("gold?", "Au"), ("iron?", "Fe"), ("tin?", "Sn"), ("lead?", "Pb")]
]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Running]:
    with stack_of(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture(scope="module")
def client(up: stack.Running) -> Client:
    client = Client(up.url)
    client.sign_up("Faults", "faults@example.com", "a password of sixteen")
    return client


@pytest.fixture(scope="module")
def base(up: stack.Running, client: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    import_base(up, tmp_path_factory.mktemp("base"))
    return client.base_model(BASE)


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return found


def service(up: stack.Running, name: str) -> Mark | None:
    """The process, once it does its work."""
    child = stack.facts(State(up.state_dir))["children"][name]
    return Mark(**child["mark"]) if child["ready"] else None


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def engine_of(agent: Mark) -> psutil.Process | None:
    with_engine = psutil.Process(agent.pid).children()
    return with_engine[0] if with_engine else None


def runner(state: Path) -> Mark | None:
    return next((mark for mark in processes.runners(state) if mark.alive()), None)


def test_nothing_is_lost_whatever_is_killed(up: stack.Running, client: Client, base: str) -> None:
    data = client.upload("symbols", ROWS)
    jobs = pipeline(client, base, data)
    until(lambda: client.job(jobs["train"])["state"] == "running")

    for name in SERVICES:
        kill(until(lambda name=name: service(up, name)).pid)
    kill(until(lambda: (agent := runner(up.state_dir)) and engine_of(agent)).pid)
    until(lambda: client.job(jobs["train"])["attempt_number"] == 2)
    kill(until(lambda: runner(up.state_dir)).pid)

    ended = {name: client.wait(job, lambda _: None) for name, job in jobs.items()}
    assert {name: job["state"] for name, job in ended.items()} == dict.fromkeys(jobs, "succeeded")
    assert ended["train"]["attempt_number"] == 3
    assert len(ended["evaluate"]["result"]["scores"]) == 2
    until(lambda: all(service(up, name) for name in SERVICES))


def pipeline(client: Client, base: str, data: str) -> dict[str, str]:
    """Train, merge the result with its base, evaluate both: each waits for the one before."""
    train = client.submit(
        {
            "kind": "train",
            "name": "symbols",
            "model": base,
            "dataset": data,
            "tuning": {"method": "spectrum", "percent": 50},
            "epochs": 100,
            "batch_size": 2,
        }
    )
    recipe = {"merge_method": "linear", "models": [{"model": base}, {"model": f"job:{train}"}]}
    for entry in recipe["models"]:
        entry["parameters"] = {"weight": 0.5}
    merge = client.submit({"kind": "merge", "name": "half", "recipe": recipe})
    asked = [{"dataset": data, "metric": "perplexity"}]
    models = [f"job:{train}", f"job:{merge}"]
    evaluate = client.submit({"kind": "evaluate", "models": models, "test_sets": asked})
    return {"train": train, "merge": merge, "evaluate": evaluate}
