"""A cluster for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alloykube.api import Api
from tests.kube.cluster.store import NAMESPACE
from tests.kube.cluster.whole import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Its pods are moved by hand."""
    found = Cluster(tmp_path)
    yield found
    found.stop()


@pytest.fixture
def api(cluster: Cluster) -> Api:
    return Api.connect(NAMESPACE, cluster.kubeconfig)
