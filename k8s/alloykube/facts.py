"""What an attempt needs, and how a deployment uses its cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from alloykube.names import Runner

Capacity = Literal["any", "spot", "on-demand"]


@dataclass(frozen=True)
class Needs:
    """Of each node; sizes in bytes."""

    seconds: int  # it may run for so long
    cpus: float
    memory: int  # with the shared memory
    scratch: int
    shared_memory: int
    gpus: int = 0
    nodes: int = 1


@dataclass(frozen=True)
class Task:
    """An attempt to be launched."""

    runner: Runner
    needs: Needs
    url: str  # of the platform
    token: str = field(repr=False)


@dataclass(frozen=True)
class Cluster:
    """The operator's settings; empty: left to the cluster."""

    namespace: str
    deployment: str
    image_cpu: str
    image_cuda: str = ""
    pull_secret: str = ""
    queue: str = ""  # a LocalQueue of Kueue's
    priority_class: str = ""
    runtime_class: str = ""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    gpu_resource: str = "nvidia.com/gpu"
    gpu_type: str = ""
    gpu_type_label: str = "nvidia.com/gpu.product"
    capacity: Capacity = "any"
    capacity_label: str = "karpenter.sh/capacity-type"
    scratch_class: str = ""  # a StorageClass; empty: the machine's own disk
    wait_seconds: int = 24 * 3600  # for a machine
    keep_seconds: int = 3600  # a finished Job that nobody removed
