"""Watches the attempts' Jobs and pods, and tells the platform what their runners can't.

An attempt that is over without a word: why, with the end of its log. One that waits: for what.
One that can't ever start, that the cluster's queue has stopped, or that runs twice: it is ended.
All it knows is in the cluster; after a restart it looks at everything anew, and says again what
the platform then knows already.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

from alloyengine.spec.protocol import Failure
from alloykube import attempts, ending
from alloykube.api import Api
from alloykube.due import Due
from alloykube.names import Manifest, Runner, runner_of, selector
from alloykube.reading import Sight, condition, has_failed, podless, sight_of, trimmed
from alloykube.reflector import Reflector

TELL_AFTER = 5.0  # seconds that it waits for the same before anybody is told
PATIENCE: Mapping[str, float] = {"no_image": 0.0, "image": 600.0, "start": 300.0, "refused": 300.0}
"""Seconds after which what does not start is given up, by the code of its waiting."""
_AGAIN = 2.0  # seconds after which what failed is tried once more
_PODLESS = 30.0  # seconds after which the cluster is asked again why it makes no pod
_logger = logging.getLogger(__name__)


class Platform(Protocol):
    """What is told, as plain functions of the platform's. Telling it twice changes nothing."""

    def waits(self, runner: Runner, code: str, words: str) -> bool:
        """False: it can't be noted yet."""

    def lost(self, runner: Runner, failure: Failure) -> bool:
        """Ends the attempt. False when that had ended already."""


@dataclass
class _Waiting:
    """For what an attempt waits, since when, and whether that was told."""

    code: str
    since: float
    told: bool = False


class Controller:
    """One leader's watch, from its beginning to its end."""

    def __init__(
        self,
        api: Api,
        deployment: str,
        platform: Platform,
        patience: Mapping[str, float] = PATIENCE,
        tell_after: float = TELL_AFTER,
    ) -> None:
        self._api, self._deployment, self._platform = api, deployment, platform
        self._patience, self._tell_after = patience, tell_after
        mine = selector(deployment)
        self._jobs = Reflector(api, "jobs", mine, self._noticed)
        self._pods = Reflector(api, "pods", mine, self._noticed_pod)
        self._due = Due()
        self._runners: dict[str, Runner] = {}
        self._pods_of: dict[str, set[str]] = defaultdict(set)
        self._waiting: dict[str, _Waiting] = {}
        self._podless: dict[str, float] = {}  # since when
        self._ran: set[str] = set()
        self._settled: set[str] = set()

    def run(self, stopping: Event) -> None:
        """Until told to stop."""
        for reflector in (self._jobs, self._pods):
            Thread(target=reflector.run, args=(stopping,), name="reflector", daemon=True).start()
        while not stopping.is_set():
            name = self._due.take(patience=0.5)
            if name is not None:
                self._try(name)

    def _noticed(self, found: Manifest) -> None:
        if runner := runner_of(found):
            self._runners[runner.name] = runner
            self._due.add(runner.name)

    def _noticed_pod(self, found: Manifest) -> None:
        if runner := runner_of(found):
            self._pods_of[runner.name].add(found["metadata"]["name"])
            self._noticed(found)

    def _try(self, name: str) -> None:
        try:
            if runner := self._runners.get(name):
                self._look(runner)
        except Exception as error:  # noqa: BLE001  # one attempt's trouble is not the others'
            _logger.warning("The look at %s failed, another follows: %s", name, error)
            self._due.add(name, _AGAIN)

    def _look(self, runner: Runner) -> None:
        name = runner.name
        job = self._jobs.get(name)
        pods = [pod for each in list(self._pods_of[name]) if (pod := self._pods.get(each))]
        if name in self._settled:
            if job is None and not pods:
                self._forget(name)
            return
        if job is None:  # the watch of pods may be ahead of that of Jobs
            found = self._api.get("jobs", name)
            job = trimmed(found) if found else None
        sight = sight_of(job, pods)
        match sight.phase:
            case "runs":
                self._ran.add(name)
                self._podless.pop(name, None)
                self._waiting.pop(name, None)
            case "waits":
                self._wait(runner, sight)
            case "twice":
                self._end(runner, ending.started_twice(), runs=True)
            case "over":
                self._end(runner, self._why(runner, job, pods), runs=job is not None)

    def _why(self, runner: Runner, job: Manifest | None, pods: list[Manifest]) -> Failure:
        """The watch of pods may be behind that of Jobs: then they are asked for."""
        known = job is None or condition(job, "Complete") or any(map(has_failed, pods))
        if not known:
            return attempts.failure(self._api, self._deployment, runner)
        return ending.of(job, pods, attempts.log_of(self._api, pods))

    def _wait(self, runner: Runner, sight: Sight) -> None:
        """One that waits is told of, and given up when it waits for what won't come."""
        name = runner.name
        if sight.code == "queue" and name in self._ran and self._is_suspended(name):
            return self._end(runner, ending.took_back(), runs=True)
        if sight.code == "pod":
            sight = self._asked_for_pod(name)
        waiting = self._waiting.get(name)
        if waiting is None or waiting.code != sight.code:
            waiting = self._waiting[name] = _Waiting(sight.code, time.monotonic())
        waited = time.monotonic() - waiting.since
        patience = self._patience.get(sight.code, float("inf"))
        if waited >= patience:
            give_up = ending.refused if sight.code == "refused" else ending.unusable
            return self._end(runner, give_up(sight.words), runs=True)
        if not waiting.told and waited >= self._tell_after:
            waiting.told = self._platform.waits(runner, sight.code, sight.words)
        untold = self._tell_after - waited if waited < self._tell_after else _AGAIN
        again = min(patience - waited, float("inf") if waiting.told else untold)
        if name in self._podless:
            again = min(again, max(_PODLESS, self._tell_after))
        if again < float("inf"):
            self._due.add(name, again)
        return None

    def _asked_for_pod(self, name: str) -> Sight:
        """A Job without a pod tells nobody why: there is but an event of it."""
        since = self._podless.setdefault(name, time.monotonic())
        late = time.monotonic() - since >= self._tell_after
        return podless(self._api.complaint(name) if late else "")

    def _is_suspended(self, name: str) -> bool:
        """What was seen may be older than the runner's first word: asked once more."""
        found = self._api.get("jobs", name)
        return bool(found and found["spec"].get("suspend"))

    def _end(self, runner: Runner, failure: Failure, runs: bool) -> None:
        if self._platform.lost(runner, failure):
            _logger.info("%s ended: %s", runner.name, failure.message.partition("\n")[0])
            if runs:
                attempts.end(self._api, runner)
        self._settled.add(runner.name)
        self._waiting.pop(runner.name, None)
        self._podless.pop(runner.name, None)
        self._ran.discard(runner.name)

    def _forget(self, name: str) -> None:
        self._settled.discard(name)
        self._runners.pop(name, None)
        self._pods_of.pop(name, None)
