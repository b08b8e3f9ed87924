"""What a training run is spread over."""

from pydantic import Field

from alloyengine.spec.base import Spec


class Resources(Spec):
    """GPUs, on one machine or on several alike."""

    gpus: int = Field(1, ge=1, le=64, description="Of each node; without any, processes")
    nodes: int = Field(1, ge=1, le=1024, description="Machines; torchrun is started on each")

    @property
    def processes(self) -> int:
        return self.gpus * self.nodes
