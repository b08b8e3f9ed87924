"""Beats once a second: sends what happened, hears what to do."""

import time
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

import httpx

from alloyengine.retry import delays, may_pass
from alloyengine.runner.client import Platform, StaleAttempt
from alloyengine.runner.outbox import Outbox
from alloyengine.spec.protocol import Event as Told
from alloyengine.spec.protocol import EventBatch

INTERVAL = 1.0
ALONE = 900.0  # seconds without the platform: by then a later attempt has long begun
_LONGEST = (
    5.0  # seconds between two tries: a platform that comes back must hear us within its lease
)


class Heart:
    """A thread of its own, so that no download and no tensor operation delays a beat.

    Who has not heard the platform for `alone` seconds must think that the attempt was given up.
    """

    def __init__(self, platform: Platform, leaving: Event, alone: float = ALONE) -> None:
        self.outbox = Outbox()
        self._alone, self._heard = alone, time.monotonic()
        self.stop_ordered, self.stale, self.leaving = Event(), Event(), leaving
        self._platform, self._sending, self._closing = platform, Lock(), Event()
        self._thread = Thread(target=self._beat_on, name="heart", daemon=True)

    def check(self) -> None:
        """Raises StaleAttempt, or StopOrdered when platform or machine want an end."""
        if self.stale.is_set():
            raise StaleAttempt
        if self.stop_ordered.is_set() or self.leaving.is_set():
            raise StopOrdered

    def flush(self, patience: float = 60.0) -> None:
        """Sends all that waits. What the platform can't hear for so long is lost."""
        deadline = time.monotonic() + patience
        waits = delays()
        while self.outbox and not self.stale.is_set() and time.monotonic() < deadline:
            if not self._beat():
                time.sleep(next(waits))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._thread.join()

    def _beat_on(self) -> None:
        waits, pause = delays(_LONGEST), 0.0
        while not self._closing.wait(pause) and not self.stale.is_set():
            if self._beat():
                waits, pause = delays(_LONGEST), INTERVAL
                self._heard = time.monotonic()
            elif time.monotonic() - self._heard > self._alone:
                self.stale.set()
            else:
                pause = next(waits)

    def _beat(self) -> bool:
        """False when the events must be sent again."""
        with self._sending:
            taken = self._tell(self.outbox.take())
            if taken:
                self.outbox.delivered()
            return taken

    def _tell(self, events: list[Told]) -> bool:
        try:
            orders = self._platform.events(EventBatch(events=events))
        except StaleAttempt:
            self.stale.set()
            return True
        except httpx.HTTPError as error:
            # Events the platform calls wrong would be called wrong for ever.
            if not may_pass(error):
                return True
            # What it stumbles over must not cost us the lease: it hears at least that we live.
            if events and isinstance(error, httpx.HTTPStatusError):
                self._tell([])
            return False
        if orders.stop:
            self.stop_ordered.set()
        return True


class StopOrdered(Exception):
    """The job was cancelled, or this machine wants its room back."""
