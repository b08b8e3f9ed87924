"""Why an attempt ended that did not say so itself. The platform's table of endings has each code."""

import re
from collections.abc import Sequence

from alloyengine.spec.protocol import Failure
from alloykube.manifest import DISRUPTED, OUT_OF_MEMORY
from alloykube.names import Manifest
from alloykube.pod import CONTAINER
from alloykube.reading import condition, has_failed, state_of

_MOST = 4000  # characters of its log
_RULE = re.compile(r"rule at index (\d+)")
_UNITS = {"Ki": 1 / (1 << 20), "Mi": 1 / (1 << 10), "Gi": 1.0, "Ti": 1024.0, "": 1 / (1 << 30)}
_QUANTITY = re.compile(r"(\d+)(Ki|Mi|Gi|Ti|)")
_SIGKILL, _SIGTERM, _STALE = 137, 143, 3  # exit codes; 3: the runner's own, its attempt was over
_DISRUPTIONS = {
    "PreemptionByScheduler": "A job of higher priority took its machine.",
    "EvictionByEvictionAPI": "Its machine is being emptied, as for maintenance.",
    "DeletionByTaintManager": "Its machine was lost, or is not to be used any more.",
    "DeletionByPodGC": "Its machine was lost.",
    "TerminationByKubelet": "Its machine shuts down, or has run out of room.",
}
_REJECTED = re.compile(r"OutOf\w*|UnexpectedAdmissionError|NodeAffinity|Topology\w*|NodeShutdown")


def of(job: Manifest | None, pods: Sequence[Manifest], log: str = "") -> Failure:
    """Of an attempt of which nothing runs any more. The pod that failed first says most."""
    if job is None:
        return _died(
            "Its Kubernetes Job is gone: somebody removed it, or it was finished long ago."
        )
    failed = sorted(filter(has_failed, pods), key=_finished_at)
    late = condition(job, "Failed") or {}
    if late.get("reason") == "DeadlineExceeded":
        return _too_late(any(map(_began, pods)))
    if failed:
        return _of_pod(failed[0], log)
    return _of_job(job)


def took_back() -> Failure:
    """The cluster's queue has suspended a Job that ran."""
    return _evicted("The cluster's queue gave its share to others.")


def started_twice() -> Failure:
    return Failure(
        code="started_twice",
        fault="platform",
        message="The cluster started the attempt twice: both were ended, so that only one result counts.",
    )


def unusable(words: str) -> Failure:
    """The runner's container can't be started where it was placed."""
    return Failure(code="image_unusable", fault="platform", message=words)


def refused(words: str) -> Failure:
    """The cluster does not take the attempt's objects."""
    return Failure(code="cluster_refused", fault="platform", message=words)


def _of_job(job: Manifest) -> Failure:
    """Its pods are gone; what is left is the Job's own condition."""
    told = (condition(job, "Failed") or {}).get("message", "")
    rule = _RULE.search(told)
    if rule and int(rule[1]) == DISRUPTED:
        return _evicted("Its machine was lost, or wanted back.")
    if rule and int(rule[1]) == OUT_OF_MEMORY:
        return _killed("The runner was killed, which most often means that memory ran out.")
    if condition(job, "Complete"):
        return _died("The runner ended, and had not told how it went.")
    return _died(f"The runner died without a word. The cluster says: {told or 'nothing'}")


def _of_pod(pod: Manifest, log: str) -> Failure:
    reason, told = pod["status"].get("reason", ""), pod["status"].get("message", "")
    if reason == "DeadlineExceeded":
        return _too_late(_began(pod))
    if reason == "Evicted" and (full := _full(told)):
        return full
    ended = state_of(pod).get("terminated") or {}
    if ended.get("reason") == "OOMKilled":
        return _out_of_memory(
            f"The runner needed more memory than the {_memory(pod)} it was given."
        )
    if disrupted := condition(pod, "DisruptionTarget"):
        words = _DISRUPTIONS.get(disrupted.get("reason", ""), disrupted.get("message", ""))
        return _evicted(words or "Its machine was wanted back.")
    if reason == "Evicted":
        return _evicted(f"Its machine ran out of room. The cluster says: {told}")
    if _REJECTED.fullmatch(reason):
        return _evicted(f"Its machine did not take it after all. The cluster says: {told}")
    if reason in ("NodeLost", "Shutdown", "Terminated"):
        return _evicted("Its machine was lost, or shut down.")
    return _of_exit(ended, log)


def _of_exit(ended: Manifest, log: str) -> Failure:
    code = ended.get("exitCode")
    if ended.get("reason") in ("StartError", "ContainerCannotRun"):
        return unusable(f"The runner's image can't be started: {ended.get('message', '')}")
    if code == _SIGKILL:
        return _killed("The runner was killed from outside (SIGKILL).")
    if code == _SIGTERM:
        return _evicted("The runner was told to go, as when its pod is deleted.")
    if code == _STALE:
        return _died("The runner stopped because its attempt was over.")
    how = "without a word" if code is None else f"with exit code {code}"
    said = log.strip() or ended.get("message", "").strip()
    tail = f" It said last:\n{said[-_MOST:]}" if said else ""
    return _died(f"The runner died {how}.{tail}")


def _full(told: str) -> Failure | None:
    """An eviction for what the pod itself wrote: the same would end the same way."""
    if 'volume "shared-memory"' in told:
        return _out_of_memory("The runner needed more shared memory (/dev/shm) than it was given.")
    if "EmptyDir" in told or "ephemeral" in told:
        return Failure(
            code="disk_full",
            fault="capacity",
            message=f"The runner wrote more than its share of the disk. The cluster says: {told}",
        )
    return None


def _too_late(began: bool) -> Failure:
    if began:
        return Failure(
            code="deadline", fault="user", message="The job ran for its whole time limit."
        )
    message = "No machine was free for the job within the time that it may wait."
    return Failure(code="no_machine", fault="capacity", message=message)


def _began(pod: Manifest) -> bool:
    state = state_of(pod)
    return "running" in state or "terminated" in state


def _finished_at(pod: Manifest) -> str:
    ended = state_of(pod).get("terminated") or {}
    return str(ended.get("finishedAt") or "~")  # after all that have a time


def _memory(pod: Manifest) -> str:
    """What the runner's container may use, as people write it."""
    containers = pod.get("spec", {}).get("containers") or []
    given: Manifest = next((c for c in containers if c["name"] == CONTAINER), {})
    told = str(given.get("resources", {}).get("limits", {}).get("memory", ""))
    found = _QUANTITY.fullmatch(told)
    return f"{int(found[1]) * _UNITS[found[2]]:.3g} GiB" if found else told or "memory"


def _died(message: str) -> Failure:
    return Failure(code="runner_died", fault="platform", message=message)


def _evicted(message: str) -> Failure:
    return Failure(code="evicted", fault="capacity", message=message)


def _killed(message: str) -> Failure:
    return Failure(code="killed", fault="capacity", message=message)


def _out_of_memory(message: str) -> Failure:
    return Failure(code="out_of_memory", fault="capacity", message=message)
