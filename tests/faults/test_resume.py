"""A runner is killed in mid-training: the next attempt goes on after its last checkpoint."""

import re

import pytest

from alloyworks.cli.demo.client import Client, Json
from alloyworks.embedded import stack
from tests.faults.tools import ROWS, kill, runner, until

pytestmark = pytest.mark.timeout(600)


def test_the_model_is_that_of_a_run_that_nothing_happened_to(
    up: stack.Running, client: Client, base: str
) -> None:
    spec = {
        "kind": "train",
        "model": base,
        "dataset": client.upload("symbols to go on with", ROWS),
        "tuning": {"method": "spectrum", "percent": 50},
        "epochs": 100,
        "batch_size": 2,
        "checkpoint_minutes": 0.002,
    }
    job = client.submit(spec | {"name": "cut off"})
    until(lambda: "The checkpoint after step" in log(client, job))
    kill(until(lambda: runner(up.state_dir)).pid)

    ended = client.wait(job, lambda _: None)

    assert ended["attempt_number"] == 2
    told = log(client, job)
    found = re.search(r"Goes on after step (\d+) of (\d+)", told)
    assert found, told
    gone_on_after, steps = map(int, found.groups())
    kept = re.findall(r"The checkpoint after step (\d+) is kept", told[: found.start()])
    # What a runner says last may die with it: then the newest checkpoint is one that no line tells.
    assert max(map(int, kept)) <= gone_on_after < steps
    whole = client.wait(client.submit(spec | {"name": "whole"}), lambda _: None)
    assert weights(client, ended) == weights(client, whole)
    assert weights(client, whole)


def log(client: Client, job: str) -> str:
    found, after = [], 0
    while after is not None:
        page = client._call("GET", f"/jobs/{job}/events", params={"after": after, "limit": 1000})
        found += [event["message"] for event in page["items"]]
        after = page["next"]
    return "\n".join(found)


def weights(client: Client, job: Json) -> dict[str, str]:
    """SHA-256 of every file with weights."""
    files = client._call("GET", f"/models/{job['model_id']}")["files"]
    return {f["path"]: f["sha256"] for f in files if f["path"].endswith(".safetensors")}
