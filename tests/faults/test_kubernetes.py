"""The whole platform on a cluster: its jobs are pods, really run by the stand-in's machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alloyworks.cli.demo.client import Client
from alloyworks.embedded import stack
from tests.faults.tools import ROWS, pipeline, until
from tests.kube.cluster.jobs import LIVING
from tests.kube.cluster.whole import Cluster
from tests.stacks import BASE, import_base, stack_of

pytestmark = pytest.mark.timeout(600)
_CONTROLLER = "from alloyworks.cli.controller import controller; controller()"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("cluster"), plan="run")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Running]:
    """With a base model, and a controller."""
    folder = tmp_path_factory.mktemp("platform")
    settings = {
        "ALLOY_EXECUTOR": "kubernetes",
        "ALLOY_KUBE_CONFIG": str(cluster.kubeconfig),
        "ALLOY_KUBE_IMAGE_CPU": "engine:1",
        "ALLOY_KUBE_MULTI_NODE": "true",
    }
    with stack_of(folder, **settings) as up:
        import_base(up, folder)
        with controller(os.environ | settings | up.env, folder / "controller.log"):
            yield up


@contextmanager
def controller(environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as words:
        command = [sys.executable, "-P", "-c", _CONTROLLER]
        process = subprocess.Popen(command, env=environment, stderr=words, stdout=words)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


def kill(cluster: Cluster, job: str, number: int) -> None:
    """The process of the pod, or of the last of several, as soon as there is one."""
    pod = cluster.pod(f"alloy-{job}-{number}", seconds=60)
    process = until(lambda: cluster.kubelet._running.get(pod)).process
    os.killpg(process.pid, signal.SIGKILL)


def living(cluster: Cluster) -> list[str]:
    pods = cluster.store.all("pods")[0]
    return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] in LIVING]


def test_jobs_are_pods_and_go_on_when_these_are_killed(
    cluster: Cluster, platform: stack.Running
) -> None:
    client = Client(platform.url)
    client.sign_up("Cluster", "cluster@example.com", "a password of sixteen")
    jobs = pipeline(client, client.base_model(BASE), client.upload("symbols", ROWS))
    until(lambda: client.job(jobs["train"])["state"] == "running")

    kill(cluster, jobs["train"], 1)
    until(lambda: client.job(jobs["train"])["attempt_number"] == 2)
    ended = {name: client.wait(job, lambda _: None) for name, job in jobs.items()}

    assert {name: job["state"] for name, job in ended.items()} == dict.fromkeys(jobs, "succeeded")
    assert ended["train"]["attempt_number"] == 2
    assert len(ended["evaluate"]["result"]["scores"]) == 2
    until(lambda: not living(cluster))


def test_a_job_on_two_machines_goes_on_when_one_is_lost(
    cluster: Cluster, platform: stack.Running
) -> None:
    client = Client(platform.url)
    client.sign_up("Spread", "spread@example.com", "a password of sixteen")
    train = client.submit(
        {
            "kind": "train",
            "name": "shared",
            "model": client.base_model(BASE),
            "dataset": client.upload("symbols", ROWS),
            "tuning": {"method": "spectrum", "percent": 50},
            "epochs": 60,
            "batch_size": 2,
            "resources": {"nodes": 2},
        }
    )
    until(lambda: client.job(train)["state"] == "running")
    assert len(cluster.pods(f"alloy-{train}-1")) == 2

    kill(cluster, train, 1)
    ended = client.wait(train, lambda _: None)

    assert (ended["state"], ended["attempt_number"]) == ("succeeded", 2), ended["failure"]
    until(lambda: not living(cluster))


def test_a_cancelled_jobs_pod_goes(cluster: Cluster, platform: stack.Running) -> None:
    client = Client(platform.url)
    client.sign_up("Cancelled", "cancelled@example.com", "a password of sixteen")
    jobs = pipeline(client, client.base_model(BASE), client.upload("symbols", ROWS))
    train = jobs["train"]
    until(lambda: client.job(train)["state"] == "running")

    client.http.post(f"/jobs/{train}/cancel").raise_for_status()

    until(lambda: client.job(train)["state"] == "cancelled")
    until(lambda: not living(cluster))
