"""Who appears in the tests of the cluster's executor."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from alloyengine.spec.protocol import Failure
from alloykube.facts import Cluster, Needs, Task
from alloykube.names import Runner
from alloykube.serving import Server
from tests.kube.cluster.store import NAMESPACE

T = TypeVar("T")
GIB = 1 << 30
DEPLOYMENT = "0123456789abcdef"
RUNNER = Runner(
    UUID("11111111-1111-4111-8111-111111111111"), UUID("22222222-2222-4222-8222-222222222222"), 1
)
SERVER = Server(RUNNER.organisation, UUID("33333333-3333-4333-8333-333333333333"), 2)
NEEDS = Needs(seconds=7200, cpus=4, memory=10 * GIB, scratch=20 * GIB, shared_memory=2 * GIB)
SETTINGS = Cluster(
    namespace=NAMESPACE, deployment=DEPLOYMENT, image_cpu="registry.example/engine-cpu:1"
)


def task(runner: Runner = RUNNER, **needs: Any) -> Task:
    wanted = replace(NEEDS, **needs)
    return Task(runner, wanted, "https://alloy.example", "run_" + "a" * 43)


def runner(number: int) -> Runner:
    """Of another job each."""
    return replace(RUNNER, job=UUID(int=number))


def until(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """What the condition gives at last."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return found


class Platform:
    """Remembers what the controller told; each attempt ends once."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, str, str]] = []  # attempt, code, words
        self.ended: dict[str, Failure] = {}
        self.asked: list[str] = []
        self.away = 0  # so many tellings fail
        self.launching: set[str] = set()  # attempts whose row does not know of the launch yet

    def waits(self, runner: Runner, code: str, words: str) -> bool:
        self._stumble()
        if runner.name in self.launching:
            return False
        self.waiting.append((runner.name, code, words))
        return True

    def lost(self, runner: Runner, failure: Failure) -> bool:
        self._stumble()
        self.asked.append(runner.name)
        if runner.name in self.ended:
            return False
        self.ended[runner.name] = failure
        return True

    def _stumble(self) -> None:
        if self.away > 0:
            self.away -= 1
            raise ConnectionError("the database is away")
