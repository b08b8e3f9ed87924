"""The pods of an attempt: one a node, each with one container, the runner.

They pass the Pod Security Standard "restricted": no root, no capability, nothing to write on but
their scratch. They know one secret, the attempt's token, and nothing of the cluster.
"""

from math import ceil
from typing import Any

from alloykube import beside
from alloykube.facts import Cluster, Needs, Task
from alloykube.names import Manifest, labels

CONTAINER = "runner"
GRACE = 120  # seconds between SIGTERM and SIGKILL: to write a checkpoint and send it
USER = 10001  # any but root; images must not depend on it
SCRATCH, TOKEN, SHARED = "/scratch", "/var/run/alloyworks", "/dev/shm"  # noqa: S108  # in the pod
NOBODY: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What a pod runs as; CONFINED: what its container may. Of the standard "restricted"."""
CONFINED: Manifest = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_COMMAND = ["python", "-P", "-m", "alloyengine.runner"]
_MIB = 1 << 20
_LOGS = 1 << 30  # bytes of the machine's own disk, where scratch is elsewhere


def template(task: Task, cluster: Cluster) -> Manifest:
    return {
        "metadata": {"labels": labels(task.runner, cluster.deployment)},
        "spec": _spec(task, cluster),
    }


def _spec(task: Task, cluster: Cluster) -> Manifest:
    spec: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE,
        "activeDeadlineSeconds": task.needs.seconds,
        "securityContext": NOBODY,
        "containers": [_container(task, cluster)],
        "volumes": _volumes(task, cluster),
        "nodeSelector": selector(task.needs.gpus, cluster),
        "tolerations": tolerations(task.needs.gpus, cluster),
        "imagePullSecrets": [{"name": cluster.pull_secret}] if cluster.pull_secret else [],
        "priorityClassName": cluster.priority_class,
        "runtimeClassName": cluster.runtime_class,
    }
    if task.needs.nodes > 1:
        spec["subdomain"] = task.runner.name  # the Service's: pods find each other by name
    return {key: value for key, value in spec.items() if value not in ("", [], {})}


def _container(task: Task, cluster: Cluster) -> Manifest:
    asked = _amounts(task.needs, cluster)
    return {
        "name": CONTAINER,
        "image": cluster.image_cuda if task.needs.gpus else cluster.image_cpu,
        "command": _COMMAND,
        "env": _environment(task),
        "resources": {"requests": asked, "limits": asked},
        "securityContext": CONFINED,
        "volumeMounts": [
            {"name": "scratch", "mountPath": SCRATCH},
            {"name": "shared-memory", "mountPath": SHARED},
            {"name": "token", "mountPath": TOKEN, "readOnly": True},
        ],
        # What it said last is kept with its status, also when its log is gone.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _environment(task: Task) -> list[Manifest]:
    words = {
        "ALLOY_RUNNER_URL": task.url,
        "ALLOY_RUNNER_TOKEN_FILE": f"{TOKEN}/{beside.TOKEN_FILE}",
        "ALLOY_RUNNER_SCRATCH": f"{SCRATCH}/attempt",
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
    }
    found: list[Manifest] = [{"name": name, "value": value} for name, value in words.items()]
    return found + (_rendezvous(task) if task.needs.nodes > 1 else [])


def _rendezvous(task: Task) -> list[Manifest]:
    """As torchrun reads it. Kubernetes tells each pod its index."""
    words = {
        "PET_NNODES": str(task.needs.nodes),
        "PET_NPROC_PER_NODE": str(max(1, task.needs.gpus)),
        "PET_MASTER_ADDR": f"{task.runner.name}-0.{task.runner.name}",
        "PET_MASTER_PORT": str(beside.PORT),
    }
    index = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    rank = {"name": "PET_NODE_RANK", "valueFrom": {"fieldRef": {"fieldPath": index}}}
    return [*({"name": name, "value": value} for name, value in words.items()), rank]


def _amounts(needs: Needs, cluster: Cluster) -> dict[str, str]:
    on_disk = _LOGS if cluster.scratch_class else needs.scratch
    return amounts(needs.cpus, needs.memory, on_disk, needs.gpus, cluster)


def amounts(cpus: float, memory: int, disk: int, gpus: int, cluster: Cluster) -> dict[str, str]:
    """Requested and allowed alike: such pods are the last to be evicted. Sizes in bytes."""
    found = {"cpu": f"{cpus:g}", "memory": _mib(memory), "ephemeral-storage": _mib(disk)}
    return found | ({cluster.gpu_resource: str(gpus)} if gpus else {})


def _volumes(task: Task, cluster: Cluster) -> list[Manifest]:
    shared = {"medium": "Memory", "sizeLimit": _mib(task.needs.shared_memory)}
    secret = {"secretName": task.runner.name, "defaultMode": 0o440}
    return [
        {"name": "scratch", **_scratch(task.needs, cluster)},
        {"name": "shared-memory", "emptyDir": shared},
        {"name": "token", "secret": secret},
    ]


def _scratch(needs: Needs, cluster: Cluster) -> Manifest:
    if not cluster.scratch_class:
        return {"emptyDir": {"sizeLimit": _mib(needs.scratch)}}
    claim: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": cluster.scratch_class,
        "resources": {"requests": {"storage": _mib(needs.scratch)}},
    }
    return {"ephemeral": {"volumeClaimTemplate": {"spec": claim}}}


def selector(gpus: int, cluster: Cluster) -> dict[str, str]:
    """Which machines."""
    found = dict(cluster.node_selector)
    if gpus and cluster.gpu_type:
        found[cluster.gpu_type_label] = cluster.gpu_type
    if cluster.capacity != "any":
        found[cluster.capacity_label] = cluster.capacity
    return found


def tolerations(gpus: int, cluster: Cluster) -> list[Manifest]:
    found = [dict(toleration) for toleration in cluster.tolerations]
    if gpus:  # machines with GPUs are commonly kept free of everything else
        found.append({"key": cluster.gpu_resource, "operator": "Exists", "effect": "NoSchedule"})
    if cluster.capacity == "spot":
        spot = {"key": cluster.capacity_label, "operator": "Equal", "value": "spot"}
        found.append(spot | {"effect": "NoSchedule"})
    return found


def _mib(size: int) -> str:
    return f"{ceil(size / _MIB)}Mi"
