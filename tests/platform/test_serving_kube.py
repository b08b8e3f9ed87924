"""Servers of endpoints as Deployments: the launcher against an API server."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alloykube import api as ours
from alloykube.api import Api
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.jobs.executors.kube import cluster_of_settings
from alloyworks.serving import endpoints, lifecycle
from alloyworks.serving.launchers import Full
from alloyworks.serving.launchers.kube import KubernetesLauncher
from alloyworks.serving.models import Endpoint
from alloyworks.tenancy import scope
from tests.kube.cast import NAMESPACE
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.whole import Cluster
from tests.platform.catalog_cast import make_model


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(ours, "_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(config, "kube_image_cpu", "engine:1")
    found = Cluster(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def launcher(cluster: Cluster) -> KubernetesLauncher:
    settings = replace(cluster_of_settings(), image_cpu="engine:1")
    return KubernetesLauncher(Api.connect(NAMESPACE, cluster.kubeconfig), settings)


@pytest.fixture
def endpoint(alice: Principal) -> Endpoint:
    return woken(alice, "chemist")


def woken(owner: Principal, name: str) -> Endpoint:
    files = [{"path": "model.safetensors", "size": 30 << 30, "sha256": "0" * 64}]
    with scope(owner.organisation.id, owner.user.id):
        model = make_model(owner, name=f"of {name}", facts={"chat_template": "abc"}, files=files)
        return lifecycle.wake(endpoints.create(owner, name, model.id).id)


def name_of(endpoint: Endpoint) -> str:
    return f"alloy-serve-{endpoint.id}-{endpoint.launch}"


def test_a_launch_makes_everything_once(
    launcher: KubernetesLauncher, cluster: Cluster, endpoint: Endpoint
) -> None:
    handle, address = launcher.launch(endpoint)
    assert handle == {"name": name_of(endpoint)}
    assert address == f"http://{name_of(endpoint)}.{NAMESPACE}.svc:8000"
    assert launcher.launch(endpoint) == (handle, address)
    for kind in ("deployments", "services", "secrets"):
        assert cluster.store.count(kind) == 1
    assert launcher.alive(endpoint)
    assert launcher.running() == [(endpoint.id, endpoint.launch)]


def test_a_launch_that_was_cut_off_is_completed(
    launcher: KubernetesLauncher, cluster: Cluster, endpoint: Endpoint
) -> None:
    cluster.script.add(Fault("create", "services", status=403))
    with pytest.raises(ours.ClusterError):
        launcher.launch(endpoint)
    launcher.launch(endpoint)
    assert cluster.store.count("deployments") == cluster.store.count("services") == 1


def test_it_asks_for_what_its_model_needs(
    launcher: KubernetesLauncher,
    cluster: Cluster,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "kube_image_serve_cuda", "serve:1")
    launcher.launch(endpoint)
    [made] = cluster.store.all("deployments")[0]
    [container] = made["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "serve:1"
    limits = container["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "1"
    assert int(limits["ephemeral-storage"].removesuffix("Mi")) > 60 * 1024
    words = {entry["name"]: entry["value"] for entry in container["env"]}
    assert words["ALLOY_SERVE_ENGINE"] == "vllm"


def test_without_gpus_cores_serve(
    launcher: KubernetesLauncher, cluster: Cluster, endpoint: Endpoint
) -> None:
    launcher.launch(endpoint)
    [made] = cluster.store.all("deployments")[0]
    [container] = made["spec"]["template"]["spec"]["containers"]
    words = {entry["name"]: entry["value"] for entry in container["env"]}
    assert (container["image"], words["ALLOY_SERVE_ENGINE"]) == ("engine:1", "transformers")


def test_there_are_no_more_than_the_settings_say(
    launcher: KubernetesLauncher,
    alice: Principal,
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config, "kube_endpoints", 1)
    launcher.launch(endpoint)
    with pytest.raises(Full):
        launcher.launch(woken(alice, "other"))


def test_a_pod_that_dies_again_and_again_is_told_of(
    launcher: KubernetesLauncher, cluster: Cluster, endpoint: Endpoint
) -> None:
    launcher.launch(endpoint)
    [made] = cluster.store.all("deployments")[0]
    metadata = {"name": "a-pod", **made["spec"]["template"]["metadata"]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": made["spec"]["template"]["spec"],
        "status": {"phase": "Pending"},
    }
    cluster.store.create("pods", pod)
    cluster.waiting("a-pod", "CrashLoopBackOff")
    cluster.says("a-pod", "CUDA out of memory\n")
    assert not launcher.alive(endpoint)
    told = launcher.why_gone(endpoint)
    assert "CrashLoopBackOff" in told and "CUDA out of memory" in told


def test_it_ends_whoever_it_is_of(
    launcher: KubernetesLauncher, cluster: Cluster, endpoint: Endpoint
) -> None:
    launcher.launch(endpoint)
    launcher.end(endpoint.id, endpoint.launch)
    launcher.end(endpoint.id, endpoint.launch)
    assert cluster.store.count("deployments") == 0
    assert not launcher.alive(endpoint)
    assert "gone" in launcher.why_gone(endpoint)
