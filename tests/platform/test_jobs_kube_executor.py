"""Attempts as Jobs of a cluster: the executor against an API server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from alloykube import api as ours
from alloykube import reflector
from alloykube.api import Api
from alloykube.errors import Away, Refused
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.jobs import dispatch, orphans
from alloyworks.jobs.executors import NotLaunched, kube
from alloyworks.jobs.executors.kube import KubernetesExecutor, cluster_of_settings
from alloyworks.jobs.models import Attempt, Job
from alloyworks.jobs.tokens import token_of
from alloyworks.tenancy import scope
from tests.kube.cast import NAMESPACE, until
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.whole import Cluster
from tests.platform.attempts import TRAIN, new_job, now, started


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(ours, "_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(reflector, "_LONGEST", 0.2)
    found = Cluster(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def executor(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesExecutor]:
    settings = replace(cluster_of_settings(), image_cpu="engine:1")
    found = KubernetesExecutor(Api.connect(NAMESPACE, cluster.kubeconfig), settings)
    for module in (dispatch, orphans):
        monkeypatch.setattr(module, "executor", lambda: found)
    yield found
    found._over.set()


@pytest.fixture
def attempt(alice: Principal) -> Attempt:
    with scope(alice.organisation.id):
        return started(alice)


def name_of(attempt: Attempt) -> str:
    return f"alloy-{attempt.job_id}-{attempt.number}"


def queued(principal: Principal) -> Job:
    with scope(principal.organisation.id):
        return new_job(principal)


def look(job: Job) -> Job:
    dispatch.look_at(job.id, job.organisation_id)
    with scope(job.organisation_id):
        return now(job)


def test_an_attempt_is_launched_lives_and_is_ended(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt
) -> None:
    handle = executor.launch(attempt)

    assert handle == {"name": name_of(attempt), "gpus": 0}
    assert executor.alive(attempt)
    [found] = executor.runners()
    assert (found.organisation_id, found.job_id, found.number) == (
        attempt.organisation_id,
        attempt.job_id,
        1,
    )
    executor.end(attempt)
    until(lambda: not executor.runners())
    assert not executor.alive(attempt)


def test_its_pod_gets_the_attempts_token_and_the_platforms_address(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt
) -> None:
    executor.launch(attempt)
    pod = cluster.store.get("pods", cluster.pod(name_of(attempt)))
    words = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}

    assert words["ALLOY_RUNNER_URL"] == config.public_url
    assert {name for name in words if name.startswith("ALLOY_")} == {
        "ALLOY_RUNNER_URL",
        "ALLOY_RUNNER_TOKEN_FILE",
        "ALLOY_RUNNER_SCRATCH",
    }
    assert token_of(attempt.job_id, 1) not in str(pod)


def test_a_job_that_ended_is_not_alive_and_says_why(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt
) -> None:
    executor.launch(attempt)
    cluster.failed(cluster.pod(name_of(attempt)), 137, "OOMKilled")

    until(lambda: not executor.alive(attempt))

    assert executor.why_gone(attempt).code == "out_of_memory"
    assert executor.runners() == []


def test_another_process_sees_the_same(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt
) -> None:
    other = KubernetesExecutor(executor.api, executor.cluster)
    assert other.runners() == []

    executor.launch(attempt)

    assert other.alive(attempt)  # its watch may be behind: it asks
    until(other.runners)
    other._over.set()


def test_looking_asks_the_cluster_nothing(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt
) -> None:
    executor.launch(attempt)
    cluster.running(cluster.pod(name_of(attempt)))
    executor.runners()
    until(lambda: cluster.server.watches)
    cluster.script.calls.clear()

    for _ in range(100):
        assert executor.alive(attempt)
        assert executor.runners()
        with executor.turn() as free:
            assert free

    assert cluster.script.calls.total() == 0


def test_there_are_as_many_slots_as_the_settings_say(
    executor: KubernetesExecutor,
    cluster: Cluster,
    attempt: Attempt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "kube_slots", 1)
    executor.launch(attempt)
    with executor.turn() as free:
        assert not free

    cluster.succeeded(cluster.pod(name_of(attempt)))
    until(lambda: not executor.runners())
    with executor.turn() as free:
        assert free


def test_while_the_cluster_is_away_nothing_begins_and_nobody_is_an_orphan(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt
) -> None:
    cluster.script.add(Fault(status=503, times=10**6))

    with executor.turn() as free:
        assert not free
    assert executor.runners() == []
    with pytest.raises(Away):
        executor.alive(attempt)
    with pytest.raises(Away):
        executor.launch(attempt)


def test_a_refusal_of_the_object_ends_the_attempt_and_one_of_the_rights_does_not(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt
) -> None:
    words = 'admission webhook "gpus" denied the request: none are left'
    cluster.script.add(Fault("create", "jobs", status=403, message=words))
    with pytest.raises(NotLaunched, match="none are left"):
        executor.launch(attempt)

    forbidden = 'jobs.batch is forbidden: User "x" cannot create resource "jobs"'
    cluster.script.add(Fault("create", "jobs", status=403, message=forbidden))
    with pytest.raises(Refused, match=r"docs/kubernetes.md"):
        executor.launch(attempt)


def test_a_run_on_several_machines_takes_none_where_they_may_not_meet(
    executor: KubernetesExecutor,
    cluster: Cluster,
    alice: Principal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spread = TRAIN | {"resources": {"gpus": 4, "nodes": 2}}
    with scope(alice.organisation.id):
        job = new_job(alice, spread)

    assert look(job).state == "failed"
    with scope(alice.organisation.id):
        assert now(job).failure["code"] == "resources_nodes"
    assert cluster.store.count("jobs") == 0

    monkeypatch.setattr(config, "kube_multi_node", True)
    with scope(alice.organisation.id):
        allowed = new_job(alice, spread)
    assert look(allowed).state == "starting"
    assert cluster.store.all("jobs")[0][0]["spec"]["completions"] == 2
    assert cluster.store.count("services") == 1


def test_the_dispatcher_launches_and_notices_an_end(
    executor: KubernetesExecutor, cluster: Cluster, alice: Principal
) -> None:
    job = queued(alice)
    assert look(job).state == "starting"
    pod = cluster.pod(f"alloy-{job.id}-1")
    cluster.disrupted(pod, "PreemptionByScheduler")
    with scope(alice.organisation.id):
        attempt = job.attempts.get()
    until(lambda: not executor.alive(attempt))

    assert look(job).state == "queued"
    with scope(alice.organisation.id):
        assert job.attempts.get().failure["code"] == "evicted"
    until(lambda: cluster.store.count("jobs") == 0)


def test_the_dispatcher_launches_later_what_a_cluster_in_trouble_did_not_take(
    executor: KubernetesExecutor, cluster: Cluster, alice: Principal
) -> None:
    executor.runners()
    job = queued(alice)
    cluster.script.add(Fault("create", "jobs", status=503, times=3))
    assert look(job).state == "starting"
    assert cluster.store.count("jobs") == 0

    look(job)

    assert cluster.store.count("jobs") == cluster.store.count("secrets") == 1


def test_a_runner_whose_attempt_has_no_row_is_removed(
    executor: KubernetesExecutor, cluster: Cluster, attempt: Attempt, alice: Principal
) -> None:
    executor.launch(attempt)
    with scope(alice.organisation.id):
        Attempt.objects.filter(id=attempt.id).delete()

    orphans.end_orphans()

    until(lambda: cluster.store.count("jobs") == cluster.store.count("secrets") == 0)


def test_the_settings_choose_the_executor(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alloyworks.jobs import executors

    for name, value in {"executor": "kubernetes", "kube_image_cpu": "engine:1"}.items():
        monkeypatch.setattr(config, name, value)
    monkeypatch.setattr(config, "kube_config", cluster.kubeconfig)
    executors.executor.cache_clear()
    try:
        found: Any = executors.executor()
        assert isinstance(found, KubernetesExecutor)
        assert kube.connect().all("jobs", "")[0] == []
        assert not found.alive(Attempt(organisation_id=uuid4(), job_id=uuid4(), number=1))
        found._over.set()
    finally:
        executors.executor.cache_clear()
