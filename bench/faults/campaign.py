"""A campaign from start to verdict."""

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.faults import scenarios
from bench.faults.figures import DEAD_AFTER, Figures, figures
from bench.faults.invariants import violations
from bench.faults.nemesis import Nemesis
from bench.faults.plays import Accepted, play
from bench.faults.scenarios import LEASE, SCENARIOS
from bench.faults.stage import Stage, failing_store, stage
from bench.machine import where

Told = Callable[[str, float, float], None]  # phase, done, total
TENANTS, SLOTS = 4, 2
HEALING = 900.0  # seconds within which the last job must have ended
SWEEPING = 60.0  # seconds within which what was left over must be gone
SETTINGS = {"ALLOY_LOCAL_SLOTS": str(SLOTS), "ALLOY_LEASE_SECONDS": str(LEASE)}


def run(scenario: str, minutes: float, jobs: int, seed: int, told: Told) -> Figures:
    """The figures, with every `violations` in words."""
    if scenario not in SCENARIOS:
        raise ValueError(f"scenario {scenario!r} is unknown; there are: {', '.join(SCENARIOS)}")
    with tempfile.TemporaryDirectory(prefix="alloy-faults-") as folder:
        told("Starting", 0, 1)
        open_stage = failing_store if scenario == "storage" else stage
        with open_stage(Path(folder), SETTINGS, TENANTS) as here:
            found = _play(here, scenario, minutes * 60, jobs, seed, told)
    asked = {"scenario": scenario, "minutes": minutes, "seed": seed}
    return asked | found | {"where": where()}


def _play(here: Stage, scenario: str, seconds: float, jobs: int, seed: int, told: Told) -> Figures:
    enemy = Nemesis(here, random.Random(f"{seed} faults"))
    accepted: list[Accepted] = []
    scenarios.begin(enemy, scenario)
    submitting = _Submitting(here, scenario, seconds * 0.8, jobs, seed, accepted)
    submitting.start()
    begun = time.monotonic()
    while (past := time.monotonic() - begun) < seconds:
        enemy.turn()
        told(f"Striking ({len(accepted)} jobs)", past, seconds)
        time.sleep(0.1)
    enemy.rest()
    submitting.join()
    if submitting.problem:
        raise submitting.problem
    ended = _wait(accepted, told)
    wrong = [*ended, *_survivors(enemy), *_settled(here, accepted, told)]
    return figures(accepted, enemy) | {"violations": wrong}


class _Submitting(threading.Thread):
    """Spreads the jobs over the time; a slow answer is made up for."""

    def __init__(
        self,
        here: Stage,
        scenario: str,
        seconds: float,
        jobs: int,
        seed: int,
        accepted: list[Accepted],
    ) -> None:
        super().__init__(daemon=True)
        self.problem: Exception | None = None
        self._here, self._seconds, self._jobs, self._accepted = here, seconds, jobs, accepted
        self._long = scenario in ("frozen", "database")
        self._chance = random.Random(f"{seed} plays")

    def run(self) -> None:
        begun = time.monotonic()
        try:
            while (count := len(self._accepted)) < self._jobs:
                due = begun + self._seconds * count / self._jobs
                time.sleep(max(0.0, due - time.monotonic()))
                self._accepted.extend(play(self._here, self._chance, self._long))
        except Exception as error:  # noqa: BLE001  # told by the campaign, which ends with it
            self.problem = error


def _wait(accepted: list[Accepted], told: Told) -> list[str]:
    """Until every job has ended. What has not by then is a violation."""
    left, deadline = list(accepted), time.monotonic() + HEALING
    while left and time.monotonic() < deadline:
        told("Waiting for the last jobs", len(accepted) - len(left), len(accepted))
        left = [job for job in left if not _ended(job)]
        time.sleep(0.5)
    return [f"Job {job.id} did not end within {HEALING:.0f} s." for job in left]


def _ended(job: Accepted) -> bool:
    return job.tenant.job(job.id)["finished_at"] is not None


def _settled(here: Stage, accepted: list[Accepted], told: Told) -> list[str]:
    """The invariants, once the sweepers had time for what was left over."""
    begun = time.monotonic()
    while (found := violations(here, accepted)) and time.monotonic() - begun < SWEEPING:
        told("Checking", time.monotonic() - begun, SWEEPING)
        time.sleep(2)
    return found


def _survivors(enemy: Nemesis) -> Iterator[str]:
    """Attempts that woke after their lease and did not leave."""
    last = max((at for _, at in enemy.woken), default=0.0)
    time.sleep(max(0.0, last + DEAD_AFTER - time.time()))
    for runner, _ in enemy.woken:
        if runner.agent.alive():
            yield f"Attempt {runner.attempt} of job {runner.job} goes on after its lease."
