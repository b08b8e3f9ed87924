"""The manifests that are kept as golden files: `python -m tests.kube.manifests` writes them anew."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from alloykube import manifest, serving
from alloykube.facts import Cluster
from alloykube.names import Manifest
from alloykube.serving import Serving
from tests.kube.cast import GIB, SERVER, SETTINGS, task

GOLDEN = Path(__file__).parent / "golden"
GPUS = replace(SETTINGS, image_cuda="registry.example/engine-cuda:1")
UID = "00000000-0000-4000-8000-000000000001"


def _whole(cluster: Cluster, **needs: int) -> list[Manifest]:
    """The Job and all that belongs to it."""
    wanted = task(**needs)
    return [manifest.job(wanted, cluster), *manifest.owned(wanted, cluster, UID).values()]


def _served(**changes: Any) -> list[Manifest]:
    """The Deployment and all that belongs to it."""
    wanted = Serving(
        server=SERVER,
        url="https://alloy.example",
        image="registry.example/serve-cuda:1",
        engine="vllm",
        cpus=4,
        memory=20 * GIB,
        scratch=40 * GIB,
        shared_memory=2 * GIB,
        token="srv_" + "a" * 43,
    )
    wanted = replace(wanted, **changes)
    return [serving.deployment(wanted, GPUS), *serving.owned(wanted, GPUS, UID).values()]


SERVED: dict[str, list[Manifest]] = {
    "serve-cpu": _served(engine="transformers", image="registry.example/engine-cpu:1"),
    "serve-gpu-up-to-four": _served(gpus=1, most=4),
}
CASES: dict[str, list[Manifest]] = {
    "cpu": _whole(SETTINGS),
    "one-gpu": _whole(GPUS, gpus=1, memory=34 * GIB),
    "queued-spot-a100": _whole(
        replace(
            GPUS,
            gpu_type="NVIDIA-A100-SXM4-80GB",
            capacity="spot",
            queue="tenants",
            priority_class="training",
            runtime_class="gvisor",
            pull_secret="registry",
            scratch_class="fast-disks",
            node_selector={"pool": "training"},
            tolerations=({"key": "pool", "operator": "Equal", "value": "training"},),
        ),
        gpus=8,
    ),
    "two-nodes": _whole(GPUS, gpus=4, nodes=2),
}


def write() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, found in (CASES | SERVED).items():
        plain = json.loads(json.dumps(found))  # else YAML refers to what stands there twice
        (GOLDEN / f"{name}.yaml").write_text(yaml.safe_dump_all(plain, sort_keys=False))


if __name__ == "__main__":
    write()
