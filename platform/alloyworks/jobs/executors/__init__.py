"""Where attempts run. `executor()` is the one that the settings choose."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Protocol

from alloyworks.jobs.models import Attempt

Handle = dict[str, Any]
"""What an executor needs to find an attempt again; kept in the attempt's row."""


class Executor(Protocol):
    """Launching is idempotent: the name is derived from job and attempt."""

    def turn(self) -> AbstractContextManager[bool]:
        """Whether there is room for one more attempt; it stays free inside the context."""

    def launch(self, attempt: Attempt) -> Handle:
        """Starts the attempt's runner, or finds it started."""

    def alive(self, attempt: Attempt) -> bool:
        """Whether the runner is there."""

    def runners(self) -> list[Attempt]:
        """All that run: rows that were never saved, with organisation, job and number alone."""

    def end(self, attempt: Attempt) -> None:
        """Stops the runner, if it is there, and removes what it leaves behind."""


@cache
def executor() -> Executor:
    from alloyworks.jobs.executors.local import LocalExecutor

    return LocalExecutor()
