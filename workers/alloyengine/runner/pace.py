"""How long a phase will still take, from how far it came."""

import time
from collections.abc import Callable

from alloyengine.spec.protocol import ProgressEvent

_TOO_EARLY = 1.0  # seconds into a phase; before that an estimate is a guess


class Pace:
    """Remembers when the present phase began; each phase is timed on its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._phase, self._began, self._first = "", 0.0, 0

    def with_time_left(self, event: ProgressEvent) -> ProgressEvent:
        if event.phase != self._phase:
            self._phase, self._began, self._first = event.phase, self._clock(), event.done
        elapsed, done = self._clock() - self._began, event.done - self._first
        if elapsed < _TOO_EARLY or done <= 0 or event.total < event.done:
            return event
        left = elapsed / done * (event.total - event.done)
        return event.model_copy(update={"seconds_left": round(left, 1)})
