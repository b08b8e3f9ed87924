"""Kubernetes' own controllers, as far as Jobs need them: pods for Jobs, their ends, and what goes with a Job.

As the real one it judges by what it sees of pods, and by the Job's policy: podFailurePolicy, backoffLimit,
completions, activeDeadlineSeconds, suspend.
"""

import itertools
import time
from collections import defaultdict
from typing import Any

from tests.kube.cluster.store import Change, Missing, Object, Store, now

LIVING = ("Pending", "Running")
INDEX = "batch.kubernetes.io/job-completion-index"


class JobController:
    """`hear` is told every change, in order."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._pods: dict[str, dict[str, Object]] = defaultdict(dict)
        self._lost: dict[str, str] = {}  # Job -> one of its pods that vanished
        self._begun: dict[str, float] = {}
        self._made: dict[str, set[int]] = defaultdict(set)  # indexes that have a pod
        self._numbers = itertools.count(1)
        self.makes_pods = True  # False: as when a quota is used up, or its pods are forbidden

    def hear(self, change: Change) -> None:
        if change.kind == "jobs":
            if change.type == "DELETED":
                self._collect(change.found)
            else:
                self._sync(change.found["metadata"]["name"])
        elif change.kind == "pods" and (name := owner_of(change.found)):
            self._hear_pod(name, change)
            self._sync(name)

    def tick(self) -> None:
        """Deadlines."""
        for name, begun in list(self._begun.items()):
            job = self._job(name)
            if job is None or is_over(job):
                self._begun.pop(name, None)
            elif time.monotonic() - begun > job["spec"]["activeDeadlineSeconds"]:
                self._fail(
                    name, "DeadlineExceeded", "Job was active longer than specified deadline"
                )

    def _hear_pod(self, name: str, change: Change) -> None:
        pod = change.found
        if change.type != "DELETED":
            self._pods[name][pod["metadata"]["name"]] = pod
        elif self._pods[name].pop(pod["metadata"]["name"], pod)["status"]["phase"] in LIVING:
            self._lost[name] = pod["metadata"]["name"]

    def _sync(self, name: str) -> None:
        job = self._job(name)
        if job is None or is_over(job):
            return None
        spec, pods = job["spec"], list(self._pods[name].values())
        if spec.get("suspend"):
            for known in (self._lost, self._begun, self._made):
                known.pop(name, None)
            return self._remove(pods)
        self._begun.setdefault(name, time.monotonic())
        if failed := next((p for p in pods if p["status"]["phase"] == "Failed"), None):
            return self._fail(name, *_verdict(job, failed))
        if name in self._lost:
            words = "Job has reached the specified backoff limit"
            return self._fail(name, "BackoffLimitExceeded", words)
        done = sum(pod["status"]["phase"] == "Succeeded" for pod in pods)
        if done >= spec["completions"]:
            return self._condition(name, "Complete", "CompletionsReached", "")
        missing = set(range(spec["completions"] if self.makes_pods else 0)) - self._made[name]
        for index in sorted(missing):
            self._made[name].add(index)
            self.store.create("pods", self._pod(job, index))
        return None

    def _job(self, name: str) -> Object | None:
        try:
            return self.store.get("jobs", name)
        except Missing:
            return None

    def _fail(self, name: str, reason: str, message: str) -> None:
        pods = list(self._pods[name].values())
        self._condition(name, "Failed", reason, message)
        self._remove(pods)

    def _condition(self, name: str, kind: str, reason: str, message: str) -> None:
        told = {"type": kind, "status": "True", "reason": reason, "message": message}

        def add(job: Object) -> None:
            job.setdefault("status", {}).setdefault("conditions", []).append(told)

        self.store.change("jobs", name, add)

    def _remove(self, pods: list[Object]) -> None:
        for pod in pods:
            if pod["status"]["phase"] in LIVING and not pod["metadata"].get("deletionTimestamp"):
                mark(self.store, pod["metadata"]["name"])

    def _pod(self, job: Object, index: int) -> Object:
        name, template = job["metadata"]["name"], job["spec"]["template"]
        indexed = job["spec"]["completionMode"] == "Indexed"
        place = f"{name}-{index}" if indexed else name
        labels = template["metadata"]["labels"] | {"batch.kubernetes.io/job-name": name}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name}
        metadata: Object = {
            "name": f"{place}-{next(self._numbers):05d}",
            "labels": labels,
            "ownerReferences": [owner | {"uid": job["metadata"]["uid"], "controller": True}],
        }
        if indexed:
            metadata["annotations"] = {INDEX: str(index)}
        spec = template["spec"] | ({"hostname": place} if indexed else {})
        return {"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}

    def _collect(self, job: Object) -> None:
        """What a Job that is gone has owned."""
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        for kind in ("secrets", "services"):
            try:
                found = self.store.get(kind, name)
            except Missing:
                continue
            if any(owner["uid"] == uid for owner in found["metadata"].get("ownerReferences", [])):
                self.store.delete(kind, name)
        for pod in list(self._pods[name].values()):
            if pod["status"]["phase"] in LIVING:
                mark(self.store, pod["metadata"]["name"])
            else:
                self.store.delete("pods", pod["metadata"]["name"])
        self._begun.pop(name, None)
        self._lost.pop(name, None)


def _verdict(job: Object, pod: Object) -> tuple[str, str]:
    """Reason and message of the Failed condition."""
    name = pod["metadata"]["name"]
    for index, rule in enumerate(job["spec"].get("podFailurePolicy", {}).get("rules", [])):
        if (said := _met(rule, pod)) and rule["action"] == "FailJob":
            return (
                "PodFailurePolicy",
                f"{said} for pod {name} matching FailJob rule at index {index}",
            )
    return "BackoffLimitExceeded", "Job has reached the specified backoff limit"


def _met(rule: Object, pod: Object) -> str:
    for wanted in rule.get("onPodConditions", []):
        for told in pod["status"].get("conditions", []):
            if (told["type"], told["status"]) == (wanted["type"], wanted["status"]):
                return f"Pod condition {told['type']}"
    codes = rule.get("onExitCodes")
    code = exit_code(pod)
    if codes and code and (code in codes["values"]) == (codes["operator"] == "In"):
        return f"Container {codes['containerName']} with exit code {code}"
    return ""


def exit_code(pod: Object) -> int:
    """Zero while there is none."""
    statuses = pod["status"].get("containerStatuses") or [{}]
    return int(statuses[0].get("state", {}).get("terminated", {}).get("exitCode", 0))


def is_over(job: Object) -> bool:
    conditions: list[dict[str, Any]] = job.get("status", {}).get("conditions", [])
    return any(told["type"] in ("Complete", "Failed") for told in conditions)


def owner_of(found: Object) -> str:
    owners = found["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("name", ""))


def mark(store: Store, pod: str) -> None:
    """Asks the kubelet to end it."""
    try:
        store.change("pods", pod, lambda found: found["metadata"].update(deletionTimestamp=now()))
    except Missing:
        return
