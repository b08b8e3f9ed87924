"""How the engine tells what it is doing, wherever it runs."""

from threading import Event
from typing import Any, Literal, Protocol

Level = Literal["info", "warning", "error"]


class Reporter(Protocol):
    """Receives the engine's news. The command line draws it, the runner sends it on.

    `stopping` is polled between steps: when True the engine raises `Stopped`.
    """

    def log(self, message: str, level: Level = "info") -> None: ...

    def progress(self, phase: str, done: int, total: int) -> None: ...

    def metric(self, name: str, step: int, value: float) -> None: ...

    def report(self, name: str, data: dict[str, Any]) -> None: ...

    def stopping(self) -> bool: ...


class Silent:
    """A reporter that nobody listens to."""

    def log(self, message: str, level: Level = "info") -> None: ...

    def progress(self, phase: str, done: int, total: int) -> None: ...

    def metric(self, name: str, step: int, value: float) -> None: ...

    def report(self, name: str, data: dict[str, Any]) -> None: ...

    def stopping(self) -> bool:
        return False


class Follower(Silent):
    """Of a process that shares a run: what the first one says it need not, but it hears orders."""

    def __init__(self, order: Event | None = None) -> None:
        self._order = order or Event()

    def stop(self) -> None:
        self._order.set()

    def stopping(self) -> bool:
        return self._order.is_set()
