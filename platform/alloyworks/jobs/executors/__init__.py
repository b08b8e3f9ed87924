"""Where attempts run. `executor()` is the one that the settings choose."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol

from alloyengine.spec.protocol import Failure
from alloyworks.config import config
from alloyworks.jobs.models import Attempt

Handle = dict[str, Any]
"""What an executor needs to find an attempt again; kept in the attempt's row."""


class NotLaunched(Exception):
    """The attempt can't be launched as it is, now or later."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Executor(Protocol):
    """Launching is idempotent: the name is derived from job and attempt."""

    queues: bool
    """Whether what was launched may wait for a machine. Until it has one its silence means nothing;
    `alive` tells when it has come to an end."""

    def turn(self) -> AbstractContextManager[bool]:
        """Whether there is room for one more attempt; it stays free inside the context."""

    def launch(self, attempt: Attempt) -> Handle:
        """Starts the attempt's runner, or finds it started. Raises NotLaunched."""

    def alive(self, attempt: Attempt) -> bool:
        """Whether the runner is there, or will be."""

    def why_gone(self, attempt: Attempt) -> Failure:
        """Of one that is not alive."""

    def runners(self) -> list[Attempt]:
        """All that run: rows that were never saved, with organisation, job and number alone."""

    def end(self, attempt: Attempt) -> None:
        """Stops the runner, if it is there, and removes what it leaves behind."""


@cache
def executor() -> Executor:
    if config.executor == "kubernetes":
        from alloyworks.jobs.executors.kube import KubernetesExecutor

        return KubernetesExecutor()
    from alloyworks.jobs.executors.local import LocalExecutor

    return LocalExecutor()
