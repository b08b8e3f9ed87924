"""What stands beside an attempt's Job and belongs to it: the token, and how its nodes meet."""

from alloykube.facts import Cluster, Task
from alloykube.names import Manifest, labels

TOKEN_FILE = "token"  # noqa: S105  # the name of a file
PORT = 29500  # torch's own choice


def secret(task: Task, cluster: Cluster, uid: str) -> Manifest:
    """The attempt's token; its pods see it as a file."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(task, cluster, uid),
        "type": "Opaque",
        "stringData": {TOKEN_FILE: task.token},
    }


def service(task: Task, cluster: Cluster, uid: str) -> Manifest:
    """Gives the pods of several nodes names, before they are ready: that is when they meet."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(task, cluster, uid),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"batch.kubernetes.io/job-name": task.runner.name},
            "ports": [{"name": "rendezvous", "port": PORT}],
        },
    }


def _metadata(task: Task, cluster: Cluster, uid: str) -> Manifest:
    """With the Job as owner: the cluster removes both when the Job is gone."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": task.runner.name, "uid": uid}
    return {
        "name": task.runner.name,
        "namespace": cluster.namespace,
        "labels": labels(task.runner, cluster.deployment),
        "ownerReferences": [owner],
    }
