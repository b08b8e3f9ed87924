"""An attempt's objects: made once whatever happens on the way, and removed whole."""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from alloykube import api as ours
from alloykube import attempts, manifest
from alloykube.api import Api
from alloykube.errors import Away, Refused
from tests.kube.cast import DEPLOYMENT, RUNNER, SETTINGS, task, until
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.whole import Cluster

NAME = RUNNER.name


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_PAUSES", (0.01, 0.01))


def counts(cluster: Cluster) -> tuple[int, int, int]:
    return tuple(cluster.store.count(kind) for kind in ("jobs", "secrets", "services"))  # type: ignore[return-value]


def test_a_launch_makes_the_job_and_then_its_secret(api: Api, cluster: Cluster) -> None:
    job = attempts.launch(api, SETTINGS, task())
    secret = cluster.store.get("secrets", NAME)

    assert counts(cluster) == (1, 1, 0)
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert base64.b64decode(secret["data"]["token"]).decode() == task().token
    assert until(lambda: len(cluster.pods(NAME))) == 1


def test_launching_again_changes_nothing(api: Api, cluster: Cluster) -> None:
    first = attempts.launch(api, SETTINGS, task())

    assert attempts.launch(api, SETTINGS, task())["metadata"]["uid"] == first["metadata"]["uid"]
    assert counts(cluster) == (1, 1, 0)


def test_of_many_who_launch_at_once_one_makes_the_job(api: Api, cluster: Cluster) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: attempts.launch(api, SETTINGS, task()), range(16)))

    assert len({job["metadata"]["uid"] for job in made}) == 1
    assert counts(cluster) == (1, 1, 0)
    cluster.pod(NAME)
    assert len(cluster.pods(NAME)) == 1


@pytest.mark.parametrize("kind", ["jobs", "secrets", "services"])
@pytest.mark.parametrize(
    "fault", [Fault(lost=True), Fault(status=500, times=2), Fault(status=429, times=2)]
)
def test_whatever_happens_to_an_answer_there_is_one_of_each(
    api: Api, cluster: Cluster, kind: str, fault: Fault
) -> None:
    cluster.script.add(replace(fault, verb="create", kind=kind))

    attempts.launch(api, SETTINGS, task(nodes=2))

    assert counts(cluster) == (1, 1, 1)


def test_a_launch_that_was_cut_off_is_completed_by_the_next(api: Api, cluster: Cluster) -> None:
    cluster.script.add(Fault("create", "secrets", status=500, times=3))
    with pytest.raises(Away):
        attempts.launch(api, SETTINGS, task())
    assert counts(cluster) == (1, 0, 0)

    attempts.launch(api, SETTINGS, task())

    assert counts(cluster) == (1, 1, 0)


def test_a_secret_of_a_job_that_is_gone_gets_its_new_owner(api: Api, cluster: Cluster) -> None:
    old = manifest.owned(task(), SETTINGS, "00000000-0000-4000-8000-00000000dead")["secrets"]
    cluster.store.create("secrets", old)

    job = attempts.launch(api, SETTINGS, task())

    owner = cluster.store.get("secrets", NAME)["metadata"]["ownerReferences"][0]
    assert owner["uid"] == job["metadata"]["uid"]


def test_a_job_that_is_not_ours_is_not_taken_for_ours(api: Api) -> None:
    attempts.launch(api, replace(SETTINGS, deployment="fedcba9876543210"), task())

    with pytest.raises(Refused, match="not this deployment's"):
        attempts.launch(api, SETTINGS, task())


def test_an_attempt_that_is_ended_leaves_nothing(api: Api, cluster: Cluster) -> None:
    attempts.launch(api, SETTINGS, task(nodes=2))
    until(lambda: len(cluster.pods(NAME)) == 2)

    attempts.end(api, RUNNER)
    attempts.end(api, RUNNER)

    until(lambda: counts(cluster) == (0, 0, 0) and not cluster.pods(NAME))


def test_pods_of_several_nodes_know_their_place(api: Api, cluster: Cluster) -> None:
    attempts.launch(api, SETTINGS, task(nodes=3))
    pods = until(lambda: len(found := cluster.pods(NAME)) == 3 and found)

    assert {pod["spec"]["hostname"] for pod in pods} == {f"{NAME}-{index}" for index in range(3)}


def test_why_an_attempt_ended_is_asked_afresh(api: Api, cluster: Cluster) -> None:
    attempts.launch(api, SETTINGS, task())
    pod = cluster.pod(NAME)
    cluster.says(pod, "Traceback\nValueError: no such file\n")
    cluster.failed(pod, 1)
    until(lambda: cluster.store.get("jobs", NAME).get("status"))

    failure = attempts.failure(api, DEPLOYMENT, RUNNER)

    assert failure.code == "runner_died"
    assert "ValueError: no such file" in failure.message


def test_a_job_that_somebody_removed_is_told(api: Api) -> None:
    assert "is gone" in attempts.failure(api, DEPLOYMENT, RUNNER).message
