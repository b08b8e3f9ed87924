"""An endpoint's server as Kubernetes objects: a Deployment, its Service and Secret. Pure functions.

The pod fetches its model by the token of the launch, and becomes vLLM (`alloyengine.serve`). Each launch has
objects of its own, named after it: what is there is of one launch, whole or not at all.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from alloykube.facts import Cluster
from alloykube.names import DEPLOYMENT, ORGANISATION, Manifest
from alloykube.pod import CONFINED, NOBODY, amounts, selector, tolerations

ENDPOINT, LAUNCH = "alloyworks/endpoint", "alloyworks/launch"
CONTAINER, PORT = "server", 8000
SCRATCH, TOKEN, SHARED = "/scratch", "/var/run/alloyworks", "/dev/shm"  # noqa: S108  # in the pod
TOKEN_FILE = "token"  # noqa: S105  # the name of a file
_OF_ALL = {
    "app.kubernetes.io/name": "alloyworks",
    "app.kubernetes.io/component": "model-server",
}
_STARTING = 180  # probes of ten seconds: half an hour, to fetch and load a large model


@dataclass(frozen=True)
class Server:
    """Which launch of which endpoint an object is of."""

    organisation: UUID
    endpoint: UUID
    launch: int

    @property
    def name(self) -> str:
        """Of its Deployment, Service and Secret; within the 63 characters of a host name."""
        return f"alloy-serve-{self.endpoint}-{self.launch}"


@dataclass(frozen=True)
class Serving:
    """What it needs. Sizes in bytes."""

    server: Server
    url: str  # of the platform
    image: str
    engine: str  # of alloyengine.serve.servers
    cpus: float
    memory: int
    scratch: int
    shared_memory: int
    gpus: int = 0
    most: int = 1  # replicas; more than one: by how many requests wait
    token: str = field(default="", repr=False)


def labels(server: Server, deployment: str) -> dict[str, str]:
    return _OF_ALL | {
        DEPLOYMENT: deployment,
        ORGANISATION: str(server.organisation),
        ENDPOINT: str(server.endpoint),
        LAUNCH: str(server.launch),
    }


def selector_of(deployment: str) -> str:
    """Everything of all endpoints of this deployment."""
    return f"app.kubernetes.io/component=model-server,{DEPLOYMENT}={deployment}"


def server_of(found: Manifest) -> Server | None:
    """None for what has not our labels."""
    told = found["metadata"].get("labels") or {}
    try:
        return Server(UUID(told[ORGANISATION]), UUID(told[ENDPOINT]), int(told[LAUNCH]))
    except (KeyError, ValueError):
        return None


def deployment(serving: Serving, cluster: Cluster) -> Manifest:
    server = serving.server
    chosen = {ENDPOINT: str(server.endpoint), LAUNCH: str(server.launch)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(serving, cluster),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": 10 * _STARTING,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": chosen},
            "template": {
                "metadata": {
                    "labels": labels(server, cluster.deployment),
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": str(PORT),
                    },
                },
                "spec": _pod(serving, cluster),
            },
        },
    }


def owned(serving: Serving, cluster: Cluster, uid: str) -> dict[str, Manifest]:
    """What goes with the Deployment that has this uid, by kind."""
    found = {
        "secrets": {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": _metadata(serving, cluster, uid),
            "type": "Opaque",
            "stringData": {TOKEN_FILE: serving.token},
        },
        "services": {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(serving, cluster, uid),
            "spec": {
                "selector": {
                    ENDPOINT: str(serving.server.endpoint),
                    LAUNCH: str(serving.server.launch),
                },
                "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
            },
        },
    }
    if serving.most > 1:
        found["autoscalers"] = _autoscaler(serving, cluster, uid)
    return found


def address(server: Server, namespace: str) -> str:
    return f"http://{server.name}.{namespace}.svc:{PORT}"


def _pod(serving: Serving, cluster: Cluster) -> Manifest:
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": NOBODY,
        "containers": [_container(serving, cluster)],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": _mib(serving.scratch)}},
            {
                "name": "shared-memory",
                "emptyDir": {"medium": "Memory", "sizeLimit": _mib(serving.shared_memory)},
            },
            {"name": "token", "secret": {"secretName": serving.server.name, "defaultMode": 0o440}},
        ],
        "nodeSelector": selector(serving.gpus, cluster),
        "tolerations": tolerations(serving.gpus, cluster),
        "imagePullSecrets": [{"name": cluster.pull_secret}] if cluster.pull_secret else [],
        "priorityClassName": cluster.priority_class,
        "runtimeClassName": cluster.runtime_class,
    }
    return {key: value for key, value in spec.items() if value not in ("", [], {})}


def _container(serving: Serving, cluster: Cluster) -> Manifest:
    asked = amounts(
        serving.cpus, serving.memory + serving.shared_memory, serving.scratch, serving.gpus, cluster
    )
    return {
        "name": CONTAINER,
        "image": serving.image,
        "command": ["python", "-P", "-m", "alloyengine.serve"],
        "env": [{"name": name, "value": value} for name, value in _words(serving).items()],
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"requests": asked, "limits": asked},
        "startupProbe": _probe(10, _STARTING),
        "readinessProbe": _probe(5, 2),
        "livenessProbe": _probe(15, 6),
        "securityContext": CONFINED,
        "volumeMounts": [
            {"name": "scratch", "mountPath": SCRATCH},
            {"name": "shared-memory", "mountPath": SHARED},
            {"name": "token", "mountPath": TOKEN, "readOnly": True},
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _words(serving: Serving) -> dict[str, str]:
    return {
        "ALLOY_SERVE_URL": serving.url,
        "ALLOY_SERVE_TOKEN_FILE": f"{TOKEN}/{TOKEN_FILE}",
        "ALLOY_SERVE_SCRATCH": SCRATCH,
        "ALLOY_SERVE_HOST": "0.0.0.0",  # noqa: S104  # the pod's own
        "ALLOY_SERVE_PORT": str(PORT),
        "ALLOY_SERVE_ENGINE": serving.engine,
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
    }


def _probe(seconds: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": seconds,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _autoscaler(serving: Serving, cluster: Cluster, uid: str) -> Manifest:
    """By vLLM's own count of requests that wait, as the Prometheus adapter tells it."""
    metric = {"name": "vllm_num_requests_waiting"}
    target = {"type": "AverageValue", "averageValue": "4"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(serving, cluster, uid),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": serving.server.name,
            },
            "minReplicas": 1,
            "maxReplicas": serving.most,
            "metrics": [{"type": "Pods", "pods": {"metric": metric, "target": target}}],
        },
    }


def _metadata(serving: Serving, cluster: Cluster, uid: str = "") -> dict[str, Any]:
    name = serving.server.name
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid}
    found: dict[str, Any] = {
        "name": name,
        "namespace": cluster.namespace,
        "labels": labels(serving.server, cluster.deployment),
    }
    return found | ({"ownerReferences": [owner]} if uid else {})


def _mib(size: int) -> str:
    return f"{-(-size // (1 << 20))}Mi"
