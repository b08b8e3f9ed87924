"""What is to be looked at next: each name once, however often it is asked for; some not yet."""

import time
from threading import Condition


class Due:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}  # name -> when, by the monotonic clock
        self._changed = Condition()

    def add(self, name: str, wait: float = 0.0) -> None:
        """In so many seconds; sooner where that was asked for before."""
        when = time.monotonic() + wait
        with self._changed:
            self._at[name] = min(when, self._at.get(name, when))
            self._changed.notify()

    def take(self, patience: float) -> str | None:
        """The one that has been due for longest; None when nothing is for so many seconds."""
        until = time.monotonic() + patience
        with self._changed:
            while True:
                now = time.monotonic()
                name = min(self._at, key=self._at.__getitem__, default=None)
                if name is not None and self._at[name] <= now:
                    del self._at[name]
                    return name
                if now >= until:
                    return None
                nearest = self._at[name] if name is not None else until
                self._changed.wait(min(nearest, until) - now)
