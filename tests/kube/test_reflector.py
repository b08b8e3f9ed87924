"""What is known of the cluster stays right, whatever happens to list and watch."""

import threading
from collections.abc import Iterator

import pytest

from alloykube import manifest, reflector
from alloykube.api import Api
from alloykube.errors import Away, ClusterError
from alloykube.names import selector
from alloykube.reflector import Reflector
from tests.kube.cast import DEPLOYMENT, SETTINGS, runner, task, until
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.whole import Cluster


class Watched:
    """A running reflector, and the names that it told of."""

    def __init__(self, api: Api) -> None:
        self.told: list[str] = []
        self.over = threading.Event()
        self.reflector = Reflector(api, "jobs", selector(DEPLOYMENT), self._changed)
        self.thread = threading.Thread(target=self.reflector.run, args=(self.over,), daemon=True)

    def start(self) -> None:
        self.thread.start()
        self.reflector.ready(10)

    def names(self) -> set[str]:
        return {job["metadata"]["name"] for job in self.reflector.all()}

    def _changed(self, found: manifest.Manifest) -> None:
        self.told.append(found["metadata"]["name"])


@pytest.fixture
def watched(api: Api, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setattr(reflector, "_LONGEST", 0.2)
    cluster.server.bookmark = 0.1
    found = Watched(api)
    yield found
    found.over.set()
    cluster.server.cut_watches()


def make(cluster: Cluster, number: int) -> str:
    job = manifest.job(task(runner(number)), SETTINGS)
    return str(cluster.store.create("jobs", job)["metadata"]["name"])


def test_what_is_there_and_what_comes_and_goes_is_known(watched: Watched, cluster: Cluster) -> None:
    first = make(cluster, 1)
    watched.start()
    assert watched.names() == {first}

    second = make(cluster, 2)
    until(lambda: watched.names() == {first, second})
    cluster.store.delete("jobs", first)
    until(lambda: watched.names() == {second})

    assert watched.told.count(first) >= 2
    assert cluster.script.calls["list", "jobs"] == 1


def test_a_watch_that_is_cut_off_goes_on_where_it_was(watched: Watched, cluster: Cluster) -> None:
    watched.start()
    for number in range(5):
        until(lambda: cluster.server.watches)
        cluster.server.cut_watches()
        name = make(cluster, number)
        until(lambda name=name: name in watched.names())

    assert cluster.script.calls["list", "jobs"] == 1


@pytest.mark.parametrize("answered", [True, False], ids=["as an answer", "as an event"])
def test_a_watch_that_is_too_old_begins_anew(
    watched: Watched, cluster: Cluster, answered: bool
) -> None:
    gone = make(cluster, 1)
    watched.start()
    until(lambda: cluster.server.watches)
    if answered:
        cluster.script.add(Fault("watch", "jobs", status=410))
        cluster.server.cut_watches()
    with cluster.store.changed:  # the watch sees none of this
        cluster.store.delete("jobs", gone)
        new = make(cluster, 2)
        cluster.store.forget()
    until(lambda: watched.names() == {new})

    assert cluster.script.calls["list", "jobs"] == 2
    assert watched.told.count(gone) >= 2


@pytest.mark.parametrize("status", [429, 500, 503, 401])
def test_a_server_in_trouble_is_asked_again_and_again(
    watched: Watched, cluster: Cluster, status: int
) -> None:
    watched.start()
    until(lambda: cluster.server.watches)
    cluster.script.add(Fault("watch", "jobs", status=status, times=4))
    cluster.server.cut_watches()
    name = make(cluster, 1)

    until(lambda: name in watched.names())


def test_what_was_known_stays_known_in_trouble(
    watched: Watched, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make(cluster, 1)
    watched.start()
    cluster.script.add(Fault("", "", status=503, times=10**6))
    cluster.server.cut_watches()
    until(lambda: watched.reflector._trouble)

    assert watched.names() == {name}
    watched.reflector.ready(0)  # for a while that is nobody's concern
    monkeypatch.setattr(reflector, "_PATIENCE", 0.0)
    with pytest.raises(Away, match="503"):
        watched.reflector.ready(0)

    cluster.script.clear()
    until(lambda: watched.reflector._trouble is None)
    watched.reflector.ready(0)


def test_who_can_not_list_says_why_at_once(watched: Watched, cluster: Cluster) -> None:
    words = 'jobs.batch is forbidden: User "x" cannot list resource "jobs"'
    cluster.script.add(Fault("list", "jobs", status=403, message=words, times=10**6))

    with pytest.raises(ClusterError, match="cannot list"):
        watched.start()


def test_a_silent_watch_moves_on_by_bookmarks(watched: Watched, cluster: Cluster) -> None:
    watched.start()
    for _ in range(3):  # changes that are not of our concern
        cluster.store.create("secrets", {"metadata": {"name": f"s{cluster.store.version}"}})

    until(lambda: watched.reflector._version == str(cluster.store.version))
