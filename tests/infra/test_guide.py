"""What docs/install.md tells an operator to type is what the chart has."""

import json
import re
from typing import Any

import pytest
import yaml

from tests.infra.chart import CHART, ROOT, containers, merged, of_kind, profile, render, templates

GUIDE = (ROOT / "docs/install.md").read_text()
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
NAMED = set(re.findall(r"`([a-z]\w*(?:\.[a-zA-Z]\w*)+)`", GUIDE))
OUR_VALUES = sorted(name for name in NAMED if name.split(".")[0] in VALUES)
SITE = {"publicUrl": "https://alloy.example.com"}


def test_its_files_are_there():
    for path in re.findall(r"(?<![\w/.])(infra/[\w./-]+)", GUIDE):
        assert (ROOT / path.rstrip(".")).exists(), path
    for profile_named in re.findall(r"values-[a-z]+\.yaml", GUIDE):
        made_by_the_bundle = profile_named == "values-images.yaml"
        assert made_by_the_bundle or (CHART / profile_named).exists(), profile_named


@pytest.mark.parametrize("name", OUR_VALUES)
def test_its_values_are_the_charts(name: str):
    top, rest = name.split(".", 1)
    if top == "settings":
        assert rest in SCHEMA["properties"]["settings"]["properties"]
        return
    found: Any = VALUES
    for part in name.split("."):
        assert part in found, name
        found = found[part]


def test_its_commands_name_what_a_release_has():
    kinds = {"deployment": "Deployment", "deploy": "Deployment", "service": "Service"}
    told = re.findall(r"\b(deployment|deploy|service)/([\w-]+)", GUIDE)
    trial = of_kind(render(profile("values-trial")), "Deployment", "StatefulSet", "Service")
    there = {(found["kind"], found["metadata"]["name"]) for found in trial}
    assert told and {(kinds[kind], name) for kind, name in told} <= there


def test_its_secrets_have_the_keys_that_pods_read():
    """The three that everybody makes, and those of the table."""
    secrets = set(re.findall(r"^\| `(alloyworks-[\w-]+)` \| `(ALLOY_\w+)`", GUIDE, re.MULTILINE))
    put = {
        (f"alloyworks-{name}", key)
        for name, key in re.findall(r"^put (\S+) (\S+)$", GUIDE, re.MULTILINE)
    }
    read = {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for template in templates(render(merged(profile("values-aws"), SITE))).values()
        for container in containers(template)
        for entry in container.get("env", [])
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    assert len(put) == 3 and put == secrets
    assert put <= read


def test_its_queue_is_where_the_jobs_are():
    [manifests] = [
        text for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL) if "kueue" in text
    ]
    found = {made["kind"]: made for made in yaml.safe_load_all(manifests)}
    namespaces = {
        job["metadata"]["namespace"]
        for job in of_kind(render(SITE), "NetworkPolicy", "Role")
        if job["metadata"]["namespace"].endswith("-jobs")
    }
    assert namespaces == {
        found["LocalQueue"]["metadata"]["namespace"].replace("alloyworks", "tenant")
    }
    selected = found["ClusterQueue"]["spec"]["namespaceSelector"]["matchLabels"]
    assert list(selected.values()) == [found["LocalQueue"]["metadata"]["namespace"]]
    assert found["LocalQueue"]["spec"]["clusterQueue"] == found["ClusterQueue"]["metadata"]["name"]
    queued = render(merged(SITE, {"jobs": {"queue": found["LocalQueue"]["metadata"]["name"]}}))
    assert "ALLOY_KUBE_QUEUE" in str(queued)
