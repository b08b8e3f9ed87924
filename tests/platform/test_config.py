"""Settings of the cluster: read strictly, refused with their name."""

from typing import Any

import pytest

from alloyworks import config


def loaded(monkeypatch: pytest.MonkeyPatch, **words: str) -> Any:
    for name, value in words.items():
        monkeypatch.setenv(f"ALLOY_{name.upper()}", value)
    return config.load()


def test_machines_are_told_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {
        "kube_node_selector": '{"pool": "training"}',
        "kube_tolerations": '[{"key": "pool", "operator": "Exists"}]',
    }
    found = loaded(monkeypatch, **words)

    assert found.kube_node_selector == {"pool": "training"}
    assert found.kube_tolerations == [{"key": "pool", "operator": "Exists"}]


def test_what_a_chart_leaves_empty_is_as_if_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch, kube_node_selector="", kube_tolerations="", kube_queue="")

    assert (found.kube_node_selector, found.kube_tolerations) == ({}, [])
    assert found.kube_queue == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kube_node_selector", "pool=training"),
        ("kube_node_selector", "[1]"),
        ("kube_tolerations", '{"key": "x"}'),
        ("kube_capacity", "cheap"),
        ("kube_slots", "0"),
        ("kube_memory_gb", "-1"),
        ("kube_namespace", ""),
        ("executor", "cloud"),
    ],
)
def test_a_wrong_value_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(SystemExit, match=f"ALLOY_{name.upper()}: "):
        loaded(monkeypatch, **{name: value})


def test_a_cluster_needs_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"ALLOY_KUBE_IMAGE_CPU: .*which image"):
        loaded(monkeypatch, executor="kubernetes")

    found = loaded(monkeypatch, executor="kubernetes", kube_image_cpu="engine:1")
    assert found.executor == "kubernetes"
