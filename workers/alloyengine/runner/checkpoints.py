"""Checkpoints on their way: to storage while the engine goes on, and back to where it goes on.

<scratch>/checkpoints/           the engine's own (train/state.py, evolve/history.py); each is complete once it is there
<scratch>/checkpoints.leaving/   what is being sent: links, as the engine replaces and deletes its files
"""

import os
import re
import shutil
import time
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

import httpx

from alloyengine.errors import TransferError
from alloyengine.retry import words
from alloyengine.runner.client import Platform, StaleAttempt
from alloyengine.runner.fetch import fetch_files
from alloyengine.runner.heart import Heart
from alloyengine.runner.upload import facts_of, send
from alloyengine.spec.protocol import CheckpointFacts, FileFacts, LogEvent, SavedCheckpoint

_STEP = re.compile(r"step-(\d+)")
_GROWS = ".jsonl"  # the engine appends to it, where it writes all others anew
_LOOK = 0.5  # seconds between two looks for a new one
_PAUSE = 30.0  # seconds, after one that could not be sent


class _TooLate(Exception):
    """The attempt ends before the checkpoint is sent."""


class Courier:
    """Sends the newest checkpoint in a thread of its own: training and heart beats do not wait.

    The files go first. Their manifest is told when all are there; without it they are nothing.
    """

    def __init__(self, folder: Path, platform: Platform, heart: Heart) -> None:
        self._folder, self._leaving = folder, folder.with_suffix(".leaving")
        self._platform, self._heart = platform, heart
        self._sent, self._deadline, self._closing = _newest(folder), float("inf"), Event()
        self._thread = Thread(target=self._carry, name="courier", daemon=True)

    def close(self, patience: float) -> None:
        """The engine has ended. What it left last is sent within so many seconds, or not at all."""
        self._deadline = min(self._deadline, time.monotonic() + patience)
        self._closing.set()
        self._thread.join(patience + 1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(0)

    def _carry(self) -> None:
        try:
            while not self._closing.wait(_LOOK):
                if not self._send_newest():
                    self._closing.wait(_PAUSE)
            self._send_newest()
        except StaleAttempt:
            self._heart.stale.set()
        except _TooLate:
            return

    def _send_newest(self) -> bool:
        """False when it could not be sent."""
        try:
            step = self._take()
            if step:
                self._send(step)
        except (TransferError, httpx.HTTPError, OSError) as error:
            self._check()
            why = words(error) if isinstance(error, httpx.HTTPError) else str(error)
            self._log(f"A checkpoint could not be sent, the job goes on: {why}", "warning")
            return False
        finally:
            shutil.rmtree(self._leaving, ignore_errors=True)
        return True

    def _take(self) -> int:
        """Puts the newest checkpoint aside. Its step; 0 when there is none that was not sent."""
        step = _newest(self._folder)
        if step <= self._sent:
            return 0
        self._check()
        place = next(path for path in _complete(self._folder) if _step_of(path) == step)
        shutil.rmtree(self._leaving, ignore_errors=True)
        (self._leaving / place.name).mkdir(parents=True)
        beside = [
            path for path in self._folder.iterdir() if path.suffix in (".safetensors", _GROWS)
        ]
        for path in [*place.iterdir(), *beside]:
            target = self._leaving / path.relative_to(self._folder)
            if path.suffix == _GROWS:
                shutil.copyfile(path, target)
            else:
                os.link(path, target)
        return step

    def _send(self, step: int) -> None:
        files: list[FileFacts] = []
        with httpx.Client(timeout=120) as http:
            for path in sorted(path for path in self._leaving.rglob("*") if path.is_file()):
                self._check()
                facts = facts_of(path, path.relative_to(self._leaving).as_posix())
                send(http, path, facts, self._platform, self._check, step)
                files.append(facts)
        self._platform.keep_checkpoint(CheckpointFacts(step=step, files=files), self._check)
        self._sent = step
        self._log(f"The checkpoint after step {step} is kept.")

    def _check(self) -> None:
        if self._heart.stale.is_set():
            raise StaleAttempt
        if time.monotonic() > self._deadline:
            raise _TooLate

    def _log(self, message: str, level: str = "info") -> None:
        self._heart.outbox.add(LogEvent.model_validate({"message": message, "level": level}))


def bring_back(saved: list[SavedCheckpoint], folder: Path, heart: Heart) -> None:
    """The newest of an earlier attempt's checkpoints that arrives whole; the folder is complete or absent.

    Raises StaleAttempt, StopOrdered.
    """
    draft = folder.with_suffix(".arriving")
    for checkpoint in saved:
        try:
            wanted = [(file, draft / file.path) for file in checkpoint.files]
            fetch_files(wanted, heart, "Fetching the checkpoint")
        except TransferError as error:
            shutil.rmtree(draft, ignore_errors=True)
            message = f"The checkpoint after step {checkpoint.step} can't be used: {error.message}"
            heart.outbox.add(LogEvent(message=message, level="warning"))
            continue
        draft.rename(folder)
        message = (
            f"Found the checkpoint of attempt {checkpoint.attempt} after step {checkpoint.step}."
        )
        heart.outbox.add(LogEvent(message=message))
        return
    if saved:
        message = "No checkpoint can be used: the job begins anew."
        heart.outbox.add(LogEvent(message=message, level="warning"))


def _newest(folder: Path) -> int:
    return max(map(_step_of, _complete(folder)), default=0)


def _complete(folder: Path) -> list[Path]:
    """Not the drafts, whose names have a suffix."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if _STEP.fullmatch(path.name)]


def _step_of(path: Path) -> int:
    found = _STEP.fullmatch(path.name)
    return int(found[1]) if found else 0
