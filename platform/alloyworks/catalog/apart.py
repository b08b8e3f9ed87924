"""Strangers' files are read in a process of its own: it knows no secrets, and its time is limited."""

import os
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore

from alloyworks.errors import TooMany

REFUSED = 3  # exit code; the reason is on stdout
_AT_ONCE = 2
_PATIENCE = 30.0  # seconds
_room = BoundedSemaphore(_AT_ONCE)


def run(module: str, folder: Path, seconds: float) -> "subprocess.CompletedProcess[bytes]":
    """`python -m MODULE FOLDER`. Raises TimeoutExpired, and TooMany when others take too long."""
    command = [sys.executable, "-P", "-m", module, str(folder)]
    plain = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    if not _room.acquire(timeout=_PATIENCE):
        raise TooMany("Others are having their tokens counted or shown. Try again in a minute.")
    try:
        return subprocess.run(command, env=plain, capture_output=True, timeout=seconds, check=False)
    finally:
        _room.release()
