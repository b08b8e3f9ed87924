"""The controller tells the platform how attempts fare, whatever the cluster does meanwhile."""

import threading
from collections.abc import Iterator

import pytest

from alloykube import api as ours
from alloykube import attempts, ending, reflector
from alloykube.api import Api
from alloykube.controller import Controller
from tests.kube.cast import DEPLOYMENT, RUNNER, SETTINGS, Platform, runner, task, until
from tests.kube.cluster.faults import Fault
from tests.kube.cluster.whole import Cluster

NAME = RUNNER.name
PATIENCE = {"no_image": 0.0, "image": 0.3, "start": 0.3, "refused": 0.3}
GPUS = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


class Watch:
    """A controller at work, and who it tells."""

    def __init__(self, api: Api) -> None:
        self.api, self.platform = api, Platform()
        self.over: list[threading.Event] = []

    def start(self) -> None:
        """One more."""
        self.over.append(threading.Event())
        found = Controller(self.api, DEPLOYMENT, self.platform, PATIENCE, tell_after=0.05)
        threading.Thread(target=found.run, args=(self.over[-1],), daemon=True).start()

    def stop(self) -> None:
        for event in self.over:
            event.set()

    def code(self, name: str = NAME) -> str:
        """Of the attempt's ending, once it is told."""
        return until(lambda: self.platform.ended.get(name)).code  # type: ignore[union-attr]

    def waited(self) -> list[str]:
        return [code for _, code, _ in self.platform.waiting]


@pytest.fixture
def watch(api: Api, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setattr(ours, "_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(reflector, "_LONGEST", 0.2)
    cluster.server.bookmark = 0.2
    found = Watch(api)
    yield found
    found.stop()
    cluster.server.cut_watches()


@pytest.fixture
def pod(api: Api, cluster: Cluster, watch: Watch) -> str:
    """Of an attempt that runs, and is watched."""
    attempts.launch(api, SETTINGS, task())
    name = cluster.pod(NAME)
    cluster.running(name)
    watch.start()
    until(lambda: cluster.server.watches == 2)
    return name


def test_an_attempt_that_runs_and_ends_well_is_no_news(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    watch.platform.ended[NAME] = told = ending.took_back()  # whatever its runner has told
    cluster.succeeded(pod)
    until(lambda: watch.platform.asked)

    assert watch.platform.ended == {NAME: told}
    assert cluster.store.count("jobs") == 1  # its time to live removes it


def test_one_that_ended_without_a_word_is_told_with_its_log(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    cluster.says(pod, "ImportError: no module named alloyengine\n")
    cluster.failed(pod, 1)

    assert watch.code() == "runner_died"
    assert "ImportError" in watch.platform.ended[NAME].message
    until(lambda: cluster.store.count("jobs") == 0)


def test_one_whose_log_is_gone_is_told_all_the_same(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    cluster.script.add(Fault("get", "pods/log", status=404, message="not found", times=9))
    cluster.failed(pod, 1)

    assert watch.code() == "runner_died"


def test_memory_that_ran_out_is_told_with_its_number(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    cluster.failed(pod, 137, "OOMKilled")

    assert watch.code() == "out_of_memory"
    assert "10 GiB" in watch.platform.ended[NAME].message


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("PreemptionByScheduler", "higher priority"),
        ("EvictionByEvictionAPI", "maintenance"),
        ("DeletionByTaintManager", "lost"),
    ],
)
def test_a_machine_that_was_wanted_back_is_nobodys_fault(
    pod: str, watch: Watch, cluster: Cluster, reason: str, words: str
) -> None:
    cluster.disrupted(pod, reason)

    assert watch.code() == "evicted"
    assert words in watch.platform.ended[NAME].message


def test_an_eviction_is_told(pod: str, watch: Watch, cluster: Cluster) -> None:
    cluster.failed(pod, 137, reason="Evicted", message="The node was low on resource: memory.")

    assert watch.code() == "evicted"


def test_a_node_that_is_lost_takes_its_pod_with_it(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    cluster.store.delete("pods", pod)

    assert watch.code() == "runner_died"


def test_a_job_that_somebody_deletes_is_told(pod: str, watch: Watch, cluster: Cluster) -> None:
    cluster.store.delete("jobs", NAME)

    assert watch.code() == "runner_died"
    assert "is gone" in watch.platform.ended[NAME].message


def test_a_job_that_its_time_to_live_removed_while_nobody_looked(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    """Its deletion is seen in the next list alone."""
    cluster.script.add(Fault("watch", status=410, times=2))
    cluster.server.cut_watches()
    cluster.store.delete("jobs", NAME)

    assert watch.code() == "runner_died"


def test_a_deadline_of_the_cluster_is_told(api: Api, watch: Watch, cluster: Cluster) -> None:
    watch.start()
    attempts.launch(api, SETTINGS, task())
    cluster.unschedulable(cluster.pod(NAME), GPUS)
    cluster.store.change("jobs", NAME, lambda job: job["spec"].update(activeDeadlineSeconds=0))

    assert watch.code() == "no_machine"


def test_two_pods_at_once_are_ended_both(pod: str, watch: Watch, cluster: Cluster) -> None:
    twin = cluster.store.get("pods", pod)
    twin["metadata"]["name"] = "twin"
    cluster.store.create("pods", twin)

    assert watch.code() == "started_twice"
    until(lambda: not cluster.pods(NAME))


def test_what_waits_is_told_for_what_once(api: Api, watch: Watch, cluster: Cluster) -> None:
    watch.start()
    attempts.launch(api, SETTINGS, task())
    pod = cluster.pod(NAME)
    for _ in range(3):
        cluster.unschedulable(pod, GPUS)
    until(lambda: "machine" in watch.waited())
    cluster.unschedulable(pod, GPUS)
    cluster.waiting(pod, "ContainerCreating")
    until(lambda: "preparing" in watch.waited())

    assert watch.waited().count("machine") == 1
    assert any("3 too few free GPUs" in words for _, _, words in watch.platform.waiting)
    assert watch.platform.ended == {}


def test_what_can_not_be_noted_yet_is_told_again(
    api: Api, watch: Watch, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alloykube.controller._AGAIN", 0.05)
    watch.platform.launching.add(NAME)
    watch.start()
    attempts.launch(api, SETTINGS, task())
    cluster.unschedulable(cluster.pod(NAME), GPUS)
    until(lambda: cluster.server.watches == 2)
    assert watch.waited() == []

    watch.platform.launching.clear()

    until(lambda: "machine" in watch.waited())


@pytest.mark.parametrize(
    "reason", ["InvalidImageName", "ImagePullBackOff", "CreateContainerConfigError"]
)
def test_a_runner_that_can_not_be_started_is_given_up(
    api: Api, watch: Watch, cluster: Cluster, reason: str
) -> None:
    watch.start()
    attempts.launch(api, SETTINGS, task())
    cluster.waiting(cluster.pod(NAME), reason, "no such image")

    assert watch.code() == "image_unusable"
    assert "no such image" in watch.platform.ended[NAME].message
    until(lambda: cluster.store.count("jobs") == 0)


def test_an_image_that_comes_in_the_end_is_waited_for(
    api: Api, watch: Watch, cluster: Cluster
) -> None:
    watch.start()
    attempts.launch(api, SETTINGS, task())
    pod = cluster.pod(NAME)
    cluster.waiting(pod, "ErrImagePull")
    until(lambda: "image" in watch.waited())
    cluster.running(pod)
    threading.Event().wait(2 * PATIENCE["image"])

    assert watch.platform.ended == {}


@pytest.mark.parametrize(
    ("complaint", "code"),
    [
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', "refused"),
        ('pods "x" is forbidden: no PriorityClass with name training was found', "refused"),
        ('pods "x" is forbidden: exceeded quota: tenants', "quota"),
    ],
)
def test_why_the_cluster_makes_no_pod_is_asked(
    api: Api,
    watch: Watch,
    cluster: Cluster,
    complaint: str,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for pause in ("_AGAIN", "_PODLESS"):
        monkeypatch.setattr(f"alloykube.controller.{pause}", 0.05)
    cluster.jobs.makes_pods = False
    watch.start()
    attempts.launch(api, SETTINGS, task())
    cluster.complains(NAME, complaint)
    until(lambda: code in watch.waited())

    assert any(complaint in words for _, _, words in watch.platform.waiting)
    if code == "refused":
        assert watch.code() == "cluster_refused"
    else:
        threading.Event().wait(2 * PATIENCE["refused"])
        assert watch.platform.ended == {}


def test_a_queue_that_takes_its_share_back_ends_the_attempt(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    cluster.store.change("jobs", NAME, lambda job: job["spec"].update(suspend=True))

    assert watch.code() == "evicted"
    assert "queue" in watch.platform.ended[NAME].message


def test_a_job_that_waits_in_the_queue_is_left_there(
    api: Api, watch: Watch, cluster: Cluster
) -> None:
    watch.start()
    attempts.launch(api, SETTINGS, task())
    cluster.store.change("jobs", NAME, lambda job: job["spec"].update(suspend=True))
    until(lambda: "queue" in watch.waited())

    assert watch.platform.ended == {}


def test_a_controller_that_restarts_adopts_what_is_there(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    watch.stop()
    cluster.server.cut_watches()
    until(lambda: cluster.server.watches == 0)
    cluster.failed(pod, 137, "OOMKilled")
    until(lambda: cluster.store.get("jobs", NAME).get("status"))

    watch.start()

    assert watch.code() == "out_of_memory"


def test_two_controllers_at_once_end_an_attempt_once(
    pod: str, watch: Watch, cluster: Cluster
) -> None:
    watch.start()
    until(lambda: cluster.server.watches == 4)
    cluster.failed(pod, 1)

    assert watch.code() == "runner_died"
    until(lambda: cluster.store.count("jobs") == 0)
    assert list(watch.platform.ended) == [NAME]


def test_a_platform_that_is_away_is_told_later(
    pod: str, watch: Watch, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alloykube.controller._AGAIN", 0.05)
    watch.platform.away = 3
    cluster.failed(pod, 1)

    assert watch.code() == "runner_died"
    assert watch.platform.away == 0


def test_an_api_server_that_is_away_for_a_while_costs_nothing(
    pod: str, watch: Watch, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alloykube.controller._AGAIN", 0.05)
    cluster.script.add(Fault(status=503, times=60))
    cluster.server.cut_watches()
    cluster.failed(pod, 137, "OOMKilled")

    assert watch.code() == "out_of_memory"


def test_the_watch_of_pods_may_be_ahead_of_that_of_jobs(
    api: Api, watch: Watch, cluster: Cluster
) -> None:
    watch.start()
    until(lambda: cluster.server.watches == 2)
    cluster.script.add(Fault("watch", "jobs", status=503, times=5))
    cluster.server.cut_watches()
    attempts.launch(api, SETTINGS, task())
    cluster.running(cluster.pod(NAME))
    until(lambda: cluster.server.watches == 2)

    assert watch.platform.ended == {}


def test_others_jobs_are_not_looked_at(api: Api, watch: Watch, cluster: Cluster) -> None:
    cluster.store.create("jobs", {"metadata": {"name": "theirs"}, "spec": {"suspend": True}})
    watch.start()
    attempts.launch(api, SETTINGS, task())
    cluster.failed(cluster.pod(NAME), 1)

    assert watch.code() == "runner_died"
    assert cluster.store.get("jobs", "theirs")


def test_it_watches_and_does_not_poll(api: Api, watch: Watch, cluster: Cluster) -> None:
    """A bound for every attempt: two calls at its end, and nothing while it runs."""
    watch.start()
    until(lambda: cluster.server.watches == 2)
    calls = cluster.script.calls
    count = 30
    for number in range(count):
        attempts.launch(api, SETTINGS, task(runner(number)))
    pods = [cluster.pod(runner(number).name) for number in range(count)]
    calls.clear()
    for _ in range(3):
        for pod in pods:
            cluster.running(pod)
    threading.Event().wait(0.5)
    assert calls.total() == 0

    for pod in pods:
        cluster.failed(pod, 1)
    until(lambda: len(watch.platform.ended) == count)
    until(lambda: cluster.store.count("jobs") == 0)
    assert calls["get", "pods/log"] == count  # the end of the log
    assert calls["delete", "jobs"] == count
    assert calls.total() <= 3 * count
