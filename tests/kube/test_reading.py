"""What Job and pods say, in plain words."""

from typing import Any

import pytest

from alloykube import scheduler
from alloykube.reading import sight_of, trimmed
from tests.kube.manifests import CASES

Object = dict[str, Any]
JOB: Object = {"metadata": {"labels": {}}, "spec": {"parallelism": 1}, "status": {}}


def job(**changes: Any) -> Object:
    return JOB | changes


def pod(phase: str, state: Object | None = None, **status: Any) -> Object:
    told = {"phase": phase, **status}
    if state is not None:
        told["containerStatuses"] = [{"name": "runner", "state": state}]
    return {"metadata": {"name": "p"}, "spec": {}, "status": told}


def waiting(reason: str, message: str = "") -> Object:
    return pod("Pending", {"waiting": {"reason": reason, "message": message}})


UNPLACED = pod(
    "Pending",
    conditions=[
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        }
    ],
)
RUNS = pod("Running", {"running": {}})


@pytest.mark.parametrize(
    ("pods", "code", "words"),
    [
        ([], "pod", "not made its pod"),
        ([UNPLACED], "machine", "3 too few free GPUs"),
        ([waiting("ContainerCreating")], "preparing", "gets ready"),
        ([waiting("ImagePullBackOff", "not found")], "image", "fetched (ImagePullBackOff)"),
        ([waiting("ErrImagePull")], "image", "ErrImagePull"),
        ([waiting("InvalidImageName")], "no_image", "InvalidImageName"),
        ([waiting("CreateContainerConfigError", "no secret")], "start", "no secret"),
        ([RUNS, UNPLACED], "machine", "GPUs"),
    ],
)
def test_what_waits_says_for_what(pods: list[Object], code: str, words: str) -> None:
    sight = sight_of(job(spec={"parallelism": 2}), pods)

    assert (sight.phase, sight.code) == ("waits", code)
    assert words in sight.words


def test_a_suspended_job_waits_in_its_queue() -> None:
    labels = {"kueue.x-k8s.io/queue-name": "tenants"}
    sight = sight_of(job(spec={"suspend": True}, metadata={"labels": labels}), [])

    assert (sight.phase, sight.code) == ("waits", "queue")
    assert "tenants" in sight.words


@pytest.mark.parametrize("phase", ["Complete", "Failed"])
def test_a_job_with_an_end_is_over(phase: str) -> None:
    told = {"conditions": [{"type": phase, "status": "True"}]}

    assert sight_of(job(status=told), [RUNS]).phase == "over"
    assert sight_of(None, []).phase == "over"


def test_more_pods_than_there_should_be_are_seen() -> None:
    assert sight_of(JOB, [RUNS]).phase == "runs"
    assert sight_of(JOB, [RUNS, RUNS]).phase == "twice"
    assert sight_of(job(spec={"parallelism": 2}), [RUNS, RUNS]).phase == "runs"


def test_a_pod_that_ended_leaves_the_word_to_the_job() -> None:
    assert sight_of(JOB, [pod("Failed", {"terminated": {"exitCode": 1}})]).phase == "runs"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            (
                "0/5 nodes are available: 2 Insufficient nvidia.com/gpu, 3 node(s) had untolerated taint "
                "{pool: x, y}. preemption: 0/5 nodes are available: 5 Preemption is not helpful."
            ),
            "No machine is free for it. Of 5: 2 too few free GPUs; 3 reserved for others.",
        ),
        (
            "0/2 nodes are available: 1 Insufficient memory, 1 Insufficient cpu.",
            "No machine is free for it. Of 2: 1 too little free memory; 1 too few free cores.",
        ),
        (
            "0/4 nodes are available: 4 node(s) didn't match Pod's node affinity/selector.",
            "No machine is free for it. Of 4: 4 another kind of machine.",
        ),
        (
            "0/1 nodes are available: 1 node(s) had a moon phase.",
            "No machine is free for it. Of 1: 1 node(s) had a moon phase.",
        ),
        ("0/0 nodes are available: .", "The cluster has no machine."),
        ("no quota", "No machine is free for it. The cluster says: no quota"),
        ("", "No machine is free for it."),
    ],
)
def test_the_scheduler_in_plain_words(message: str, words: str) -> None:
    assert scheduler.words(message) == words


def test_what_is_kept_in_memory_is_small_and_says_the_same() -> None:
    found = CASES["one-gpu"][0] | {"status": {"conditions": []}}
    found["metadata"] = found["metadata"] | {"managedFields": [1], "resourceVersion": "7"}
    kept = trimmed(found)

    assert "template" not in kept["spec"]
    assert "managedFields" not in kept["metadata"]
    assert kept["metadata"]["labels"] == found["metadata"]["labels"]
    assert sight_of(kept, []) == sight_of(found, [])
