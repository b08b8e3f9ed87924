"""What `alloy doctor` says of the cluster that attempts run in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alloykube import api as ours
from alloykube.api import Api
from alloykube.lease import Lease
from alloyworks.config import config
from alloyworks.doctor.cluster import cluster as check
from alloyworks.jobs.executors.kube import lease_name
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.store import NAMESPACE
from tests.kube.cluster.whole import Cluster


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    monkeypatch.setattr(ours, "_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(config, "executor", "kubernetes")
    monkeypatch.setattr(config, "kube_config", found.kubeconfig)
    yield found
    found.stop()


def levels() -> list[str]:
    return [finding.level for finding in check()]


def test_elsewhere_there_is_nothing_to_say() -> None:
    assert levels() == []


def test_a_cluster_with_a_controller_is_well(cluster: Cluster) -> None:
    Lease(Api.connect(NAMESPACE, cluster.kubeconfig), lease_name(), "one").take()

    assert levels() == ["ok"]


def test_without_a_controller_it_warns(cluster: Cluster) -> None:
    assert levels() == ["ok", "warning"]


def test_a_controller_that_is_gone_is_seen(cluster: Cluster) -> None:
    Lease(Api.connect(NAMESPACE, cluster.kubeconfig), lease_name(), "one").take()
    old = "2026-01-01T00:00:00.000000Z"
    cluster.store.change("leases", lease_name(), lambda one: one["spec"].update(renewTime=old))

    assert levels() == ["ok", "warning"]


def test_rights_that_are_missing_are_told(cluster: Cluster) -> None:
    words = 'pods is forbidden: User "x" cannot list resource "pods"'
    cluster.script.add(Fault("list", "pods", status=403, message=words, times=9))

    [finding] = check()

    assert finding.level == "problem"
    assert "cannot list" in finding.words


def test_who_may_not_see_the_lease_says_nothing_of_it(cluster: Cluster) -> None:
    cluster.script.add(Fault("get", "leases", status=403, message="forbidden", times=9))

    assert levels() == ["ok"]
