"""Every process of a working stack is killed while jobs run: nothing is lost."""

import pytest

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import stack
from tests.faults.tools import ROWS, engine_of, kill, pipeline, runner, service, until

pytestmark = pytest.mark.timeout(600)
SERVICES = ["postgres", "valkey", "s3", "web", "web-2", "worker", "beat"]


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
