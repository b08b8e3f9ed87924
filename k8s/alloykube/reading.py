"""What an attempt's Job and pods say, in plain words. Pure functions of the cluster's objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alloykube import scheduler
from alloykube.manifest import QUEUE
from alloykube.names import Manifest
from alloykube.pod import CONTAINER

Phase = Literal["waits", "runs", "twice", "over"]
_METADATA = ("name", "uid", "labels", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_SPEC = ("suspend", "parallelism", "nodeName")
_IMAGE = ("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable")
_NO_IMAGE = ("InvalidImageName", "ErrImageNeverPull")
_START = (
    *("CreateContainerConfigError", "CreateContainerError", "RunContainerError"),
    "CrashLoopBackOff",
)


@dataclass(frozen=True)
class Sight:
    """How it stands with an attempt. `code` tells kinds of waiting apart, `words` are for people.

    waits   it has no machine yet, or the machine is not ready: queue, pod, machine, image, …
    runs    the runner itself says how it goes
    twice   the cluster runs it more often than it should
    over    nothing of it runs any more: `ending` says why
    """

    phase: Phase
    code: str = ""
    words: str = ""


def sight_of(job: Manifest | None, pods: Sequence[Manifest]) -> Sight:
    if job is None or is_over(job):
        return Sight("over")
    living = [pod for pod in pods if pod["status"].get("phase") in ("Pending", "Running")]
    running = [pod for pod in living if pod["status"]["phase"] == "Running"]
    if len(running) > job["spec"].get("parallelism", 1):
        return Sight("twice")
    if job["spec"].get("suspend"):
        queue = (job["metadata"].get("labels") or {}).get(QUEUE, "")
        return Sight("waits", "queue", f"It waits in the cluster's queue {queue} for its share.")
    if not pods:
        return podless("")
    waiting = [sight for pod in living if (sight := _waiting(pod))]
    return waiting[0] if waiting else Sight("runs")


def podless(complaint: str) -> Sight:
    """Of a Job whose pod the cluster does not make; a quota may have room later."""
    if not complaint:
        return Sight("waits", "pod", "The cluster has not made its pod yet.")
    code = "quota" if "exceeded quota" in complaint else "refused"
    return Sight("waits", code, f"The cluster does not make its pod. It says: {complaint}")


def is_over(job: Manifest) -> bool:
    """Whether the Job has come to its end, one way or the other."""
    return condition(job, "Complete") is not None or condition(job, "Failed") is not None


def has_failed(pod: Manifest) -> bool:
    return bool(pod["status"].get("phase") == "Failed")


def condition(found: Manifest, kind: str, status: str = "True") -> Manifest | None:
    conditions: list[Manifest] = found.get("status", {}).get("conditions") or []
    return next((c for c in conditions if c["type"] == kind and c["status"] == status), None)


def state_of(pod: Manifest) -> Manifest:
    """Of the runner's container: {waiting: …}, {running: …} or {terminated: …}; empty before it has one."""
    statuses = pod["status"].get("containerStatuses") or []
    found: dict[str, Any] = next((s for s in statuses if s["name"] == CONTAINER), {})
    return found.get("state") or {}


def trimmed(found: Manifest) -> Manifest:
    """What we read of an object: a thousand pods are kept in memory."""
    metadata, spec = found["metadata"], found.get("spec") or {}
    kept = {key: spec[key] for key in _SPEC if key in spec}
    if containers := spec.get("containers"):
        parts = ("name", "resources")
        kept["containers"] = [{key: c[key] for key in parts if key in c} for c in containers]
    return {
        "metadata": {key: metadata[key] for key in _METADATA if key in metadata},
        "spec": kept,
        "status": found.get("status") or {},
    }


def _waiting(pod: Manifest) -> Sight | None:
    """Why the pod does not run yet; None when it does."""
    if pod["status"]["phase"] != "Pending":
        return None
    unplaced = condition(pod, "PodScheduled", "False")
    if unplaced:
        return Sight("waits", "machine", scheduler.words(unplaced.get("message", "")))
    waiting = state_of(pod).get("waiting") or {}
    reason, told = waiting.get("reason", ""), waiting.get("message", "")
    said = f" The cluster says: {told}" if told else ""
    if reason in _NO_IMAGE:
        return Sight("waits", "no_image", f"The runner's image can't be used ({reason}).{said}")
    if reason in _IMAGE:
        return Sight("waits", "image", f"The runner's image can't be fetched ({reason}).{said}")
    if reason in _START:
        return Sight("waits", "start", f"The runner can't be started ({reason}).{said}")
    return Sight("waits", "preparing", "Its machine gets ready: the image is being fetched.")
