"""Events on their way to the platform: numbered, kept until acknowledged."""

from collections import deque
from datetime import UTC, datetime
from threading import Lock

from alloyengine.spec.protocol import Event, EventBody, ProgressEvent

_BATCH = 500
_MOST = 20_000


class Outbox:
    """Filled by the engine's news, emptied by the heart; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[tuple[datetime, EventBody]] = deque(maxlen=_MOST)
        self._flying: list[Event] = []
        self._next = 0

    def add(self, body: EventBody) -> None:
        """A newer progress replaces an unsent older one of its phase."""
        with self._lock:
            if self._waiting and _supersedes(body, self._waiting[-1][1]):
                self._waiting.pop()
            self._waiting.append((datetime.now(UTC), body))

    def take(self) -> list[Event]:
        """The next batch; the same one again until `delivered`."""
        with self._lock:
            while self._waiting and len(self._flying) < _BATCH:
                at, body = self._waiting.popleft()
                self._flying.append(Event(seq=self._next, at=at, body=body))
                self._next += 1
            return list(self._flying)

    def delivered(self) -> None:
        with self._lock:
            self._flying.clear()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._flying)


def _supersedes(new: EventBody, old: EventBody) -> bool:
    return (
        isinstance(new, ProgressEvent) and isinstance(old, ProgressEvent) and new.phase == old.phase
    )
