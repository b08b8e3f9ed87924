"""Strikes when it is time to, and heals what it has put to sleep."""

import heapq
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from alloyworks.embedded.processes import Mark
from bench.faults.stage import Runner, Stage


@dataclass(frozen=True)
class Kill:
    """An attempt whose agent or engine was killed."""

    job: str
    attempt: int
    at: float  # time.time()


@dataclass(order=True)
class Due:
    at: float  # time.monotonic()
    act: Callable[[], None] = field(compare=False)
    heals: bool = field(compare=False)


@dataclass
class Nemesis:
    """Call `turn` often: it does what is due."""

    stage: Stage
    chance: random.Random
    struck: Counter[str] = field(default_factory=Counter)
    kills: list[Kill] = field(default_factory=list)
    frozen: set[Runner] = field(default_factory=set)
    woken: list[tuple[Runner, float]] = field(default_factory=list)  # and when, time.time()
    _due: list[Due] = field(default_factory=list)

    def every(self, seconds: float, fault: "Callable[[Nemesis], None]") -> None:
        def again() -> None:
            fault(self)
            self.later(seconds, again)

        self.later(seconds, again)

    def later(self, seconds: float, act: Callable[[], None], heals: bool = False) -> None:
        heapq.heappush(self._due, Due(time.monotonic() + seconds, act, heals))

    def turn(self) -> None:
        while self._due and self._due[0].at <= time.monotonic():
            heapq.heappop(self._due).act()

    def rest(self) -> None:
        """No more faults; what sleeps is woken, and everything gets the time to heal."""
        waiting, self._due = sorted(self._due), []
        for due in waiting:
            if due.heals:
                due.act()

    def send(self, mark: Mark | None, how: signal.Signals) -> bool:
        """Whether there was somebody to receive it."""
        if mark is None or not mark.alive():
            return False
        try:
            os.kill(mark.pid, how)
        except ProcessLookupError:
            return False
        return True

    def freeze(self, name: str, seconds: float) -> None:
        """A service and its children stand still for a while."""
        mark = self.stage.services().get(name)
        family = _family(mark) if mark else []
        for process in family:
            self.send(process, signal.SIGSTOP)

        def wake() -> None:
            for process in family:
                self.send(process, signal.SIGCONT)

        self.later(seconds, wake, heals=True)


def _family(mark: Mark) -> list[Mark]:
    try:
        below = psutil.Process(mark.pid).children(recursive=True)
        return [mark, *(Mark.of(process.pid) for process in below)]
    except psutil.NoSuchProcess:
        return []
