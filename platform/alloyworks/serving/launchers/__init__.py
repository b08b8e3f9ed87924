"""Where servers of endpoints run."""

from functools import cache
from typing import Any, Protocol
from uuid import UUID

from alloyworks.config import config
from alloyworks.serving.models import Endpoint

Handle = dict[str, Any]
Running = tuple[UUID, int]
"""The endpoint and the launch that something that runs is of."""


class Full(Exception):
    """No room for one more server."""


class Launcher(Protocol):
    """Launching is idempotent: the name is derived from endpoint and launch."""

    def launch(self, endpoint: Endpoint) -> tuple[Handle, str]:
        """Starts the server, or finds it started; also where it will be reached. Raises Full."""

    def alive(self, endpoint: Endpoint) -> bool:
        """Whether the server is there, or will be."""

    def why_gone(self, endpoint: Endpoint) -> str:
        """Of one that is not alive; in words."""

    def running(self) -> list[Running]:
        """Everything that runs."""

    def end(self, endpoint_id: UUID, launch: int) -> None:
        """Whether or not it is there."""


@cache
def launcher() -> Launcher:
    if config.executor == "kubernetes":
        from alloyworks.serving.launchers.kube import KubernetesLauncher

        return KubernetesLauncher()
    from alloyworks.serving.launchers.local import LocalLauncher

    return LocalLauncher()
