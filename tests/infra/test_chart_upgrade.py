"""Installed and upgraded by Helm against an API server: what was generated once stays."""

import base64

import helm_python as helm
import pytest
import yaml

from tests.infra import api_standin
from tests.infra.chart import CHART, profile


@pytest.fixture
def cluster(tmp_path):
    with api_standin.running() as found:
        yield found


@pytest.fixture
def helm_of(cluster, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "it",
                "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
                "clusters": [{"name": "it", "cluster": {"server": cluster.url}}],
                "users": [{"name": "it", "user": {}}],
            }
        )
    )
    with helm.Config(
        kubeconfig_path=kubeconfig, namespace="tenant", storage_driver="memory"
    ) as config:
        yield config


def secrets_of(manifest):
    found = [item for item in yaml.safe_load_all(manifest) if item and item["kind"] == "Secret"]
    return {item["metadata"]["name"]: item["data"] for item in found}


def test_an_upgrade_finds_what_was_generated(cluster, helm_of):
    helm_of.install(CHART, "alloyworks", profile("values-trial"))
    before = {name: item["data"] for name, item in cluster.of("secrets").items()}

    upgraded = helm_of.upgrade(CHART, "alloyworks", profile("values-trial"), dry_run="server")

    assert secrets_of(upgraded["manifest"]) == before
    assert len(before) == 5
    assert len(base64.b64decode(before["alloyworks"]["ALLOY_SECRET_KEY"])) == 48
