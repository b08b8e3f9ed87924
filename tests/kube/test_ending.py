"""Why an attempt ended that did not say so itself."""

from typing import Any

import pytest

from alloykube import ending
from alloyworks.jobs import outcomes

Object = dict[str, Any]


def job(reason: str = "PodFailurePolicy", message: str = "", kind: str = "Failed") -> Object:
    told = {"type": kind, "status": "True", "reason": reason, "message": message}
    return {"metadata": {}, "spec": {}, "status": {"conditions": [told]}}


def dead(code: int | None = 1, reason: str = "Error", **status: Any) -> Object:
    """A pod whose container ended so; its `status` has more to say."""
    state = {} if code is None else {"terminated": {"exitCode": code, "reason": reason}}
    limits = {"resources": {"limits": {"memory": "16384Mi"}}, "name": "runner"}
    told = {"phase": "Failed", "containerStatuses": [{"name": "runner", "state": state}]}
    return {"metadata": {"name": "p"}, "spec": {"containers": [limits]}, "status": told | status}


def disrupted(reason: str) -> Object:
    told = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "as told"}
    return dead(143, conditions=[told])


def reason(word: str, message: str = "") -> Object:
    found = dead(None)
    found["status"] |= {"reason": word, "message": message}
    return found


@pytest.mark.parametrize(
    ("pod", "code", "words"),
    [
        (dead(137, "OOMKilled"), "out_of_memory", "more memory than the 16 GiB"),
        (dead(137), "killed", "SIGKILL"),
        (dead(1), "runner_died", "exit code 1"),
        (dead(3), "runner_died", "its attempt was over"),
        (dead(143), "evicted", "told to go"),
        (dead(128, "StartError"), "image_unusable", "can't be started"),
        (disrupted("PreemptionByScheduler"), "evicted", "higher priority"),
        (disrupted("EvictionByEvictionAPI"), "evicted", "maintenance"),
        (disrupted("DeletionByTaintManager"), "evicted", "lost"),
        (disrupted("DeletionByPodGC"), "evicted", "lost"),
        (disrupted("TerminationByKubelet"), "evicted", "shuts down"),
        (disrupted("SomethingNew"), "evicted", "as told"),
        (reason("Evicted", "The node was low on resource: memory."), "evicted", "low on resource"),
        (
            reason("Evicted", 'Usage of EmptyDir volume "scratch" exceeds the limit "20Gi".'),
            "disk_full",
            "its share of the disk",
        ),
        (
            reason("Evicted", "Pod ephemeral local storage usage exceeds the total limit"),
            "disk_full",
            "disk",
        ),
        (
            reason("Evicted", 'Usage of EmptyDir volume "shared-memory" exceeds the limit "2Gi".'),
            "out_of_memory",
            "/dev/shm",
        ),
        (reason("OutOfcpu", "Node didn't have enough"), "evicted", "did not take it"),
        (reason("UnexpectedAdmissionError", "no GPU"), "evicted", "no GPU"),
        (reason("NodeLost"), "evicted", "lost"),
        (reason("DeadlineExceeded"), "no_machine", "No machine"),
    ],
)
def test_a_pod_that_failed_says_why(pod: Object, code: str, words: str) -> None:
    failure = ending.of(job(), [pod])

    assert failure.code == code
    assert words in failure.message
    assert outcomes.TABLE[code].fault == failure.fault


def test_a_pod_that_ran_until_its_deadline() -> None:
    pod = dead(137)
    pod["status"]["reason"] = "DeadlineExceeded"

    assert ending.of(job(), [pod]).code == "deadline"


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (job(message="Pod condition X for pod p matching FailJob rule at index 0"), "evicted"),
        (job(message="Container runner … matching FailJob rule at index 1"), "killed"),
        (job(message="Container runner … matching FailJob rule at index 2"), "runner_died"),
        (job("BackoffLimitExceeded", "reached the backoff limit"), "runner_died"),
        (job("DeadlineExceeded"), "no_machine"),
        (job(kind="Complete"), "runner_died"),
        (None, "runner_died"),
    ],
)
def test_without_its_pods_the_job_itself_says_what_it_knows(
    found: Object | None, code: str
) -> None:
    assert ending.of(found, []).code == code


def test_of_several_pods_the_first_that_failed_says_why() -> None:
    first, second = dead(137, "OOMKilled"), dead(1)
    for pod, moment in ((first, "2026-01-01T00:00:01Z"), (second, "2026-01-01T00:00:02Z")):
        state = pod["status"]["containerStatuses"][0]["state"]
        state["terminated"] |= {"finishedAt": moment}

    assert ending.of(job(), [second, first]).code == "out_of_memory"


def test_the_end_of_the_log_is_told_and_not_more_than_fits() -> None:
    failure = ending.of(job(), [dead(1)], log="x" * 20_000 + "\nValueError: the last line")

    assert failure.message.endswith("ValueError: the last line")
    assert len(failure.message) < 8192


def test_without_a_log_the_kept_last_words_are_told() -> None:
    pod = dead(1)
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = "its last words"

    assert "its last words" in ending.of(job(), [pod]).message


@pytest.mark.parametrize(
    "failure",
    [ending.took_back(), ending.started_twice(), ending.unusable("x"), ending.refused("x")],
)
def test_other_endings_are_in_the_platforms_table(failure: Any) -> None:
    assert outcomes.TABLE[failure.code].fault == failure.fault
