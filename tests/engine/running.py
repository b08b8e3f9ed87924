"""Runners as an executor starts them: real processes, against a stand-in of the platform."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.engine.platform_standin import Standin


class Start(Protocol):
    def __call__(self, **more: str) -> subprocess.Popen[bytes]:
        """A new runner, with these variables besides."""


@contextmanager
def runners(platform: Standin, folder: Path) -> Iterator[Start]:
    """What is still there at the end is killed."""
    token = folder / "token"
    token.write_text(platform.token)
    ours = {
        "ALLOY_RUNNER_URL": platform.url,
        "ALLOY_RUNNER_TOKEN_FILE": str(token),
        "ALLOY_RUNNER_SCRATCH": str(folder / "scratch"),
    }
    started = []

    def runner(**more: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "alloyengine.runner"]
        started.append(subprocess.Popen(command, env=os.environ | ours | more))
        return started[-1]

    try:
        yield runner
    finally:
        for process in started:
            process.kill()
            process.wait()


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    tasks = Path(f"/proc/{process.pid}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
