"""Runs each attempt as a detached process of this machine, which outlives the control plane.

<state>/attempts/<job>-<number>/
    attempt.json  whose it is: organisation, job and number
    mark.json     the process: pid and start time
    token         the attempt's token, readable by us alone
    runner.log    what the runner itself says
    scratch/      inputs and results; the runner removes it
"""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alloyengine.spec.protocol import Failure
from alloyworks.config import config
from alloyworks.embedded import processes
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import read_json, write_json
from alloyworks.jobs.executors import Handle
from alloyworks.jobs.models import Attempt
from alloyworks.jobs.tokens import token_of

GRACE = 10.0  # seconds between "please stop" and SIGKILL
KEPT = 3600.0  # seconds that the folder of a finished attempt stays
_INHERITED = (
    *("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
    "ALLOY_CPU_DTYPE",  # of alloyengine.loading
    *("ALLOY_ENGINE_MEMORY_GB", "ALLOY_ENGINE_FILE_GB", "ALLOY_ENGINE_PROCESSES"),
)


class LocalExecutor:
    """As many attempts at once as ALLOY_LOCAL_SLOTS says, whoever launches them."""

    queues = False

    def __init__(self, folder: Path | None = None, slots: int | None = None) -> None:
        self.folder = folder or config.state_dir / "attempts"
        self.slots = slots or config.local_slots
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        with self._locked("lock"):
            homes = [home for home in self.folder.iterdir() if home.is_dir()]
            running = [home for home in homes if _runs(home)]
            for home in set(homes) - set(running):
                _sweep(home)
            yield len(running) < self.slots

    def launch(self, attempt: Attempt) -> Handle:
        home = self._home(attempt)
        with self._locked("launching"):  # two who launch at once start one runner
            if not _runs(home):
                _start(home, attempt)
        return {"folder": home.name}

    def alive(self, attempt: Attempt) -> bool:
        return _runs(self._home(attempt))

    def why_gone(self, attempt: Attempt) -> Failure:
        return Failure(
            code="runner_died",
            fault="platform",
            message="The runner died without a word, as when it is killed or its machine restarts.",
        )

    def runners(self) -> list[Attempt]:
        homes = [home for home in self.folder.iterdir() if home.is_dir() and _runs(home)]
        return [Attempt(**facts) for home in homes if (facts := read_json(home / "attempt.json"))]

    def end(self, attempt: Attempt) -> None:
        home = self._home(attempt)
        if mark := _mark(home):
            processes.end([mark], patience=GRACE)
        shutil.rmtree(home, ignore_errors=True)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with (self.folder / name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _home(self, attempt: Attempt) -> Path:
        return self.folder / f"{attempt.job_id}-{attempt.number}"


def _mark(home: Path) -> Mark | None:
    """Also of a runner whose starter was killed before it could write the mark."""
    if known := read_json(home / "mark.json"):
        return Mark(**known)
    if not (home / "token").exists():
        return None
    return next(iter(processes.runners(home)), None)


def _runs(home: Path) -> bool:
    mark = _mark(home)
    return mark is not None and mark.alive()


def _sweep(home: Path) -> None:
    """Removes what a finished attempt left, once nobody will want to read its log."""
    if time.time() - home.stat().st_mtime > KEPT:
        shutil.rmtree(home, ignore_errors=True)


def _start(home: Path, attempt: Attempt) -> None:
    home.mkdir(exist_ok=True, mode=0o700)
    write_json(home / "attempt.json", _facts(attempt))
    secret = home / "token"
    secret.touch(mode=0o600)
    secret.write_text(token_of(attempt.job_id, attempt.number))
    words = {
        "ALLOY_RUNNER_URL": config.runner_url or config.public_url,
        "ALLOY_RUNNER_TOKEN_FILE": str(secret),
        "ALLOY_RUNNER_SCRATCH": str(home / "scratch"),
    }
    # Not the control plane's secrets: an attempt knows its token and no more.
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    command = [sys.executable, "-P", "-m", "alloyengine.runner"]
    log = home / "runner.log"
    process = processes.spawn(command, inherited | words, log, dies_with_us=None)
    write_json(home / "mark.json", asdict(Mark.of(process.pid)))


def _facts(attempt: Attempt) -> dict[str, Any]:
    return {
        "organisation_id": str(attempt.organisation_id),
        "job_id": str(attempt.job_id),
        "number": attempt.number,
    }
