"""Servers of endpoints as objects: whole manifests, compared, and what must hold of each."""

from typing import Any

import pytest
import yaml

from alloykube import serving
from alloykube.names import Manifest
from tests.kube.cast import DEPLOYMENT, SERVER
from tests.kube.cluster import rules
from tests.kube.manifests import GOLDEN, SERVED, UID
from tests.policy import violations


def pod_of(case: str) -> Any:
    return SERVED[case][0]["spec"]["template"]["spec"]


def of_kind(case: str, kind: str) -> Manifest:
    [found] = [each for each in SERVED[case] if each["kind"] == kind]
    return found


@pytest.mark.parametrize("case", SERVED)
def test_the_objects_are_those_of_the_golden_file(case: str) -> None:
    """`python -m tests.kube.manifests` writes the files anew."""
    assert list(yaml.safe_load_all((GOLDEN / f"{case}.yaml").read_text())) == SERVED[case]


@pytest.mark.parametrize("version", rules.VERSIONS)
@pytest.mark.parametrize("case", SERVED)
def test_kubernetes_takes_them(case: str, version: str) -> None:
    for found in SERVED[case]:
        rules.check(found, version)


@pytest.mark.parametrize("case", SERVED)
def test_pods_pass_the_restricted_standard(case: str) -> None:
    assert violations(pod_of(case), own_account=False) == []


@pytest.mark.parametrize("case", SERVED)
def test_the_token_is_in_the_secret_and_nowhere_else(case: str) -> None:
    token = "srv_" + "a" * 43
    assert [each["kind"] for each in SERVED[case] if token in str(each)] == ["Secret"]


@pytest.mark.parametrize("case", SERVED)
def test_everything_is_of_one_launch_and_goes_with_it(case: str) -> None:
    deployment, *others = SERVED[case]
    for found in SERVED[case]:
        assert found["metadata"]["name"] == SERVER.name
        assert serving.server_of(found) == SERVER
    assert all(each["metadata"]["ownerReferences"][0]["uid"] == UID for each in others)
    chosen = deployment["spec"]["selector"]["matchLabels"].items()
    template = deployment["spec"]["template"]["metadata"]["labels"].items()
    assert chosen <= template
    assert of_kind(case, "Service")["spec"]["selector"].items() == chosen
    assert serving.labels(SERVER, DEPLOYMENT).items() == template


def test_its_name_is_that_of_a_host() -> None:
    assert len(SERVER.name) <= 63
    assert serving.address(SERVER, "jobs") == f"http://{SERVER.name}.jobs.svc:8000"


def test_what_is_not_ours_is_no_server() -> None:
    assert serving.server_of({"metadata": {"labels": {"app": "else"}}}) is None
    assert serving.server_of({"metadata": {}}) is None


def test_it_grows_only_where_that_is_wanted() -> None:
    kinds = [each["kind"] for each in SERVED["serve-cpu"]]
    assert kinds == ["Deployment", "Secret", "Service"]
    grows = of_kind("serve-gpu-up-to-four", "HorizontalPodAutoscaler")["spec"]
    assert (grows["minReplicas"], grows["maxReplicas"]) == (1, 4)
    assert grows["scaleTargetRef"]["name"] == SERVER.name


def test_a_large_model_has_half_an_hour_to_load() -> None:
    [container] = pod_of("serve-gpu-up-to-four")["containers"]
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 1800
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"
