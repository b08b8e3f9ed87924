"""What goes wrong between us and the API server, by script."""

from collections import Counter
from dataclasses import dataclass
from threading import Lock


@dataclass
class Fault:
    """Of the next `times` requests of this verb and kind ("": any)."""

    verb: str = ""
    kind: str = ""
    status: int = 0  # answered instead
    message: str = "scripted"
    retry_after: int | None = None
    lost: bool = False  # it is done, and the connection closed without an answer
    slow: float = 0.0  # seconds before it is done
    times: int = 1

    def meets(self, verb: str, kind: str) -> bool:
        return self.times > 0 and self.verb in ("", verb) and self.kind in ("", kind)


class Script:
    """Also counts what is asked."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self._faults: list[Fault] = []
        self._lock = Lock()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def next(self, verb: str, kind: str) -> Fault | None:
        with self._lock:
            self.calls[verb, kind] += 1
            found = next((fault for fault in self._faults if fault.meets(verb, kind)), None)
            if found:
                found.times -= 1
            return found
