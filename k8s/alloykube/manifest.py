"""An attempt as a Kubernetes Job. A pure function: the tests compare whole manifests."""

from alloykube import beside
from alloykube.facts import Cluster, Needs, Task
from alloykube.names import Manifest, labels
from alloykube.pod import CONTAINER, GRACE, template

QUEUE = "kueue.x-k8s.io/queue-name"
KILLED = 137  # the exit code of what SIGKILL ended, as the kernel does when memory runs out
DISRUPTED, OUT_OF_MEMORY, OTHERWISE = range(3)
"""Places in `podFailurePolicy.rules`: the Job's own condition names the one that matched."""


def job(task: Task, cluster: Cluster) -> Manifest:
    """Each pod of it runs at most once: another try is another attempt, with a token of its own."""
    needs, nodes = task.needs, task.needs.nodes
    spec: Manifest = {
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _rules()},
        "completions": nodes,
        "parallelism": nodes,
        "completionMode": "Indexed" if nodes > 1 else "NonIndexed",
        "activeDeadlineSeconds": _seconds(needs, cluster),
        "ttlSecondsAfterFinished": cluster.keep_seconds,
        "template": template(task, cluster),
    }
    if cluster.queue:
        spec["suspend"] = True  # Kueue lets it go when there is quota
    found = labels(task.runner, cluster.deployment)
    queue = {QUEUE: cluster.queue} if cluster.queue else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": task.runner.name,
            "namespace": cluster.namespace,
            "labels": found | queue,
        },
        "spec": spec,
    }


def owned(task: Task, cluster: Cluster, uid: str) -> dict[str, Manifest]:
    """What goes with the Job that has this uid, by kind. They are made after it, and end with it."""
    found = {"secrets": beside.secret(task, cluster, uid)}
    if task.needs.nodes > 1:
        found["services"] = beside.service(task, cluster, uid)
    return found


def _seconds(needs: Needs, cluster: Cluster) -> int:
    """Until the whole Job is given up. Its pods have the time limit of the run alone."""
    return cluster.wait_seconds + needs.seconds + GRACE


def _rules() -> list[Manifest]:
    """In the order of the places above. Any failure ends the Job; the rule says what kind it was."""
    on_exit = {"containerName": CONTAINER}
    return [
        {
            "action": "FailJob",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        {"action": "FailJob", "onExitCodes": on_exit | {"operator": "In", "values": [KILLED]}},
        {
            "action": "FailJob",
            "onExitCodes": on_exit | {"operator": "NotIn", "values": [0, KILLED]},
        },
    ]
