"""The client against the API server: what is repeated, what is told, what is refused."""

import json
from pathlib import Path

import pytest

from alloykube import api as ours
from alloykube import manifest
from alloykube.api import Api
from alloykube.errors import Away, Gone, Refused, Taken, of_answer
from alloykube.names import selector
from tests.kube.cast import DEPLOYMENT, NAMESPACE, SETTINGS, runner, task
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.whole import Cluster
from tests.kube.manifests import CASES

JOB = CASES["cpu"][0]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_PAUSES", (0.01, 0.01))


def test_an_object_is_made_read_and_deleted(api: Api) -> None:
    made = api.create("jobs", JOB)

    assert api.get("jobs", made["metadata"]["name"]) == made
    api.delete("jobs", made["metadata"]["name"])
    api.delete("jobs", made["metadata"]["name"])
    assert api.get("jobs", made["metadata"]["name"]) is None


def test_a_name_is_taken_once(api: Api) -> None:
    api.create("jobs", JOB)

    with pytest.raises(Taken, match="already exists"):
        api.create("jobs", JOB)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(api: Api, cluster: Cluster, status: int) -> None:
    cluster.script.add(Fault("create", "jobs", status=status, times=2))

    assert api.create("jobs", JOB)["metadata"]["uid"]
    assert cluster.script.calls["create", "jobs"] == 3


def test_in_the_end_it_is_told(api: Api, cluster: Cluster) -> None:
    cluster.script.add(Fault("get", "jobs", status=500, message="etcd is away", times=9))

    with pytest.raises(Away, match="etcd is away"):
        api.get("jobs", "x")
    assert cluster.script.calls["get", "jobs"] == 3


def test_a_reply_that_is_lost_leaves_the_object_made(api: Api, cluster: Cluster) -> None:
    cluster.script.add(Fault("create", "jobs", lost=True))

    with pytest.raises(Taken):
        api.create("jobs", JOB)
    assert cluster.store.count("jobs") == 1


def test_a_server_that_is_slow_is_waited_for_so_long(
    api: Api, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours.Api._call, "__defaults__", ("", (1.0, 0.2)))
    cluster.script.add(Fault("get", "jobs", slow=0.6, times=1))

    assert api.get("jobs", "x") is None
    assert cluster.script.calls["get", "jobs"] == 2


def test_a_server_that_is_gone_is_away(api: Api, cluster: Cluster) -> None:
    cluster.server.stop()

    with pytest.raises(Away, match="does not answer"):
        api.get("jobs", "x")


def test_a_wrong_object_is_refused_and_says_where(api: Api) -> None:
    wrong = json.loads(json.dumps(JOB))
    wrong["spec"]["backoffLimit"] = "none"

    with pytest.raises(Refused, match="backoffLimit") as caught:
        api.create("jobs", wrong)
    assert caught.value.of_the_object


def test_a_namespace_that_is_not_there_is_named(cluster: Cluster) -> None:
    stranger = Api.connect("elsewhere", cluster.kubeconfig)

    with pytest.raises(Refused, match=r'"elsewhere".*ALLOY_KUBE_NAMESPACE') as caught:
        stranger.create("jobs", JOB)
    assert not caught.value.of_the_object


def test_credentials_that_have_expired_are_told(cluster: Cluster, tmp_path: Path) -> None:
    old = json.loads(cluster.kubeconfig.read_text())
    old["users"][0]["user"]["token"] = "expired"
    file = tmp_path / "old"
    file.write_text(json.dumps(old))

    with pytest.raises(Refused, match=r"401.*renew the kubeconfig"):
        Api.connect(NAMESPACE, file).get("jobs", "x")


def test_without_a_cluster_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ALLOY_KUBE_CONFIG"):
        Api.connect(NAMESPACE, tmp_path / "none")


def test_a_long_list_comes_in_pages(
    api: Api, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "_PAGE", 3)
    for number in range(7):
        cluster.store.create("jobs", manifest.job(task(runner(number)), SETTINGS))

    found, version = api.all("jobs", selector(DEPLOYMENT))

    assert (len(found), version) == (7, str(cluster.store.version))
    assert cluster.script.calls["list", "jobs"] == 3
    assert api.all("jobs", selector("another"))[0] == []


@pytest.mark.parametrize(
    ("status", "kind"), [(409, Taken), (410, Gone), (429, Away), (503, Away), (404, Refused)]
)
def test_what_an_answer_means(status: int, kind: type[Exception]) -> None:
    assert type(of_answer(status, b'{"message": "m"}', {})) is kind
    assert str(status) in str(of_answer(status, b"<html>", {})) or kind in (Taken, Gone)


def test_how_long_to_wait_is_heard() -> None:
    told = of_answer(429, b"", {"Retry-After": "7"})

    assert isinstance(told, Away)
    assert told.wait == 7.0


@pytest.mark.parametrize(
    ("status", "message", "of_the_object"),
    [
        (422, "spec: Invalid value", True),
        (403, 'admission webhook "x" denied the request: no', True),
        (403, 'pods "x" is forbidden: violates PodSecurity "restricted"', True),
        (403, 'jobs.batch is forbidden: User "x" cannot create resource "jobs"', False),
        (403, 'jobs "x" is forbidden: exceeded quota', False),
        (401, "Unauthorized", False),
    ],
)
def test_whether_it_is_the_object_that_is_wrong(
    status: int, message: str, of_the_object: bool
) -> None:
    told = of_answer(status, json.dumps({"message": message}), {})

    assert isinstance(told, Refused)
    assert told.of_the_object is of_the_object
