"""Every object of every profile is one that Kubernetes takes, by its own schemas."""

import json
from functools import cache

import helm_python as helm
import kubernetes_validate
import pytest

from tests.infra.chart import (
    CHART,
    NAMESPACE,
    PROFILES,
    Object,
    merged,
    of_kind,
    profile,
    render,
    texts_of,
)

VERSIONS = ("1.31", "1.34", "1.37")  # the chart's oldest, and two later ones
OPERATORS = "monitoring.coreos.com/v1"  # not Kubernetes' own: looked at below
EVERYTHING = {
    "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
    "jobs": {"multiNode": True, "quota": {"requests.nvidia.com/gpu": 8}},
    "web": {"autoscaling": {"enabled": True}},
    "worker": {"autoscaling": {"enabled": True}},
    "trust": {"configMap": "site"},
}


def assert_valid(objects: list[Object]) -> None:
    """Raises kubernetes_validate.ValidationError for the first that is not."""
    for found in objects:
        if found["apiVersion"] != OPERATORS:
            _validate(json.dumps(found, sort_keys=True))


@cache
def _validate(text: str) -> None:
    for version in VERSIONS:
        kubernetes_validate.validate(json.loads(text), version, strict=True)


@pytest.mark.parametrize("upgrade", [False, True])
@pytest.mark.parametrize("name", PROFILES)
def test_every_object_is_valid(name, upgrade):
    assert_valid(render(profile(name), upgrade=upgrade))


@pytest.mark.parametrize("name", PROFILES)
def test_everything_at_once_is_valid(name):
    assert_valid(render(merged(profile(name), EVERYTHING)))


def test_the_judge_sees_a_wrong_object():
    [job] = of_kind(render(), "Job")

    with pytest.raises(kubernetes_validate.ValidationError):
        assert_valid([job | {"spec": job["spec"] | {"backoffLimits": 1}}])


@pytest.mark.parametrize("name", PROFILES)
def test_helm_finds_no_fault(name):
    report = helm.lint(
        CHART, profile(name), strict=True, namespace=NAMESPACE, kube_version="v1.31.0"
    )

    worth_saying = [found for found in report["messages"] if found["severity"] > 1]
    assert report["errors"] == []
    assert worth_saying == []


@pytest.mark.parametrize("name", PROFILES)
def test_no_two_objects_share_a_name(name):
    names = [
        (found["kind"], found["metadata"].get("namespace"), found["metadata"]["name"])
        for found in render(merged(profile(name), EVERYTHING))
    ]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", PROFILES)
def test_every_object_says_whose_it_is_and_where(name):
    for found in render(merged(profile(name), EVERYTHING)):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "alloyworks"
        assert found["kind"] == "Namespace" or found["metadata"]["namespace"]


def test_what_selects_pods_selects_some():
    objects = render(merged(profile("values-trial"), EVERYTHING))
    pods = [
        found["spec"]["template"]["metadata"]["labels"].items()
        for found in of_kind(objects, "Deployment", "StatefulSet", "Job")
    ]

    for found in of_kind(
        objects, "PodDisruptionBudget", "ServiceMonitor", "PodMonitor", "Deployment"
    ):
        wanted = found["spec"]["selector"]["matchLabels"].items()
        assert any(wanted <= labels for labels in pods), found["metadata"]["name"]


def test_monitors_bring_the_token_along():
    found = of_kind(render({"monitoring": {"enabled": True}}), "ServiceMonitor", "PodMonitor")

    endpoints = [
        entry
        for monitor in found
        for key in ("endpoints", "podMetricsEndpoints")
        for entry in monitor["spec"].get(key, [])
    ]

    assert {entry["port"] for entry in endpoints} == {"http", "metrics"}
    for entry in endpoints:
        assert entry["authorization"]["credentials"] == {
            "name": "alloyworks",
            "key": "ALLOY_METRICS_TOKEN",
        }


def test_the_notes_say_where_to_go():
    notes = texts_of()["alloyworks/templates/NOTES.txt"]

    assert "port-forward service/alloyworks-web 8000" in notes
    assert "invitations and password resets are not sent" in notes
