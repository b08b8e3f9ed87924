"""Strangers' files are read in a process of its own: it knows no secrets, and its time is limited."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from alloyworks.errors import FieldError, Invalid, TooMany, invalid

REFUSED = 3  # exit code; the reason is on stdout
_AT_ONCE, _WAITING = 2, 4
_PATIENCE = 30.0  # seconds
_SECONDS = 60  # of a question
_TOLD = ("PATH", "PYTHONPATH", "ALLOY_CPU_DTYPE")  # the last one is of alloyengine.loading
_room, _places = BoundedSemaphore(_AT_ONCE), BoundedSemaphore(_AT_ONCE + _WAITING)


def ask(module: str, folder: Path, wanted: Any) -> Any:
    """What the engine's module answers (see `alloyengine.apart`): of request.json, which is `wanted`,
    and of what else is in the folder. Invalid in its words when it can't.
    """
    (folder / "request.json").write_text(json.dumps(wanted))
    try:
        done = run(module, folder, _SECONDS)
    except subprocess.TimeoutExpired:
        raise _unusable(f"Its tokenizer took longer than {_SECONDS} seconds.") from None
    if done.returncode not in (0, REFUSED):
        raise _unusable("Its tokenizer can't be used: it crashed.")
    answer: Any = json.loads(done.stdout)
    if done.returncode == REFUSED:
        fault = FieldError([answer["place"]], answer["message"], answer["remedy"])
        raise Invalid(f"{answer['message']} {answer['remedy']}".strip(), [fault])
    return answer


def run(module: str, folder: Path, seconds: float) -> "subprocess.CompletedProcess[bytes]":
    """`python -m MODULE FOLDER`. Raises TimeoutExpired, and TooMany when others take too long."""
    command = [sys.executable, "-P", "-m", module, str(folder)]
    plain = {name: os.environ[name] for name in _TOLD if name in os.environ}
    with _turn():
        return subprocess.run(command, env=plain, capture_output=True, timeout=seconds, check=False)


@contextmanager
def _turn() -> Iterator[None]:
    """Few may wait: whoever does takes a place of the web process from everybody else's requests."""
    busy = TooMany("Others are having their tokens counted or shown. Try again in a minute.")
    if not _places.acquire(blocking=False):
        raise busy
    try:
        if not _room.acquire(timeout=_PATIENCE):
            raise busy
        try:
            yield
        finally:
            _room.release()
    finally:
        _places.release()


def _unusable(msg: str) -> Invalid:
    return invalid(["model"], msg, "Choose another model.")
