"""The agent's side of the engine's process: starts it, listens, stops it, explains its end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import IO

from pydantic import ValidationError

from alloyengine.runner import deaths, limits
from alloyengine.runner.desk import Desk
from alloyengine.runner.heart import Heart, StopOrdered
from alloyengine.runner.messages import (
    Ask,
    AskUpload,
    AskUrls,
    Done,
    Failed,
    LastWord,
    Obeyed,
    Work,
    message,
)
from alloyengine.runner.pace import Pace
from alloyengine.spec.protocol import LogEvent, ProgressEvent

GRACE = 20.0  # seconds between "please stop" and SIGKILL: to write a checkpoint
GRACE_OF_CANCELLED = 7.0  # who cancels waits for it
_LOOK = 0.2
_LONGEST_LINE = 16_000_000
# The engine's own settings; no other is its business.
_PASSED_ON = ("ALLOY_CPU_DTYPE", *limits.NAMES)
_OURS = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # Threads that spin while they wait take the core from those that work.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def run_engine(work: Work, scratch: Path, heart: Heart, desk: Desk) -> LastWord:
    """Raises StaleAttempt (the process is dead by then)."""
    task, log = scratch / "work.json", scratch / "engine.log"
    task.touch(mode=0o600)  # presigned URLs are secrets
    task.write_text(work.model_dump_json())
    kills = deaths.oom_kills()
    reading, writing = os.pipe()
    with log.open("wb") as errors, os.fdopen(reading, "rb") as news:
        process = _start(task, writing, errors, scratch)
        os.close(writing)
        ear = _Ear(news, heart, partial(desk.serve, reply=_stdin(process)))
        try:
            _watch(process, heart)
        finally:
            _kill(process)
        ear.join()
    if ear.last_word:
        return ear.last_word
    return Failed(failure=deaths.explain(process.returncode, log, deaths.oom_kills() > kills))


class _Ear:
    """Passes the engine's news and questions on, and keeps its last word."""

    def __init__(self, news: IO[bytes], heart: Heart, serve: Callable[[Ask], None]) -> None:
        self.last_word: LastWord | None = None
        self._news, self._heart, self._serve, self._pace = news, heart, serve, Pace()
        self._thread = Thread(target=self._listen, name="ear", daemon=True)
        self._thread.start()

    def join(self) -> None:
        # A grandchild may hold the pipe open; what it says is of no interest.
        self._thread.join(timeout=5)

    def _listen(self) -> None:
        while line := self._news.readline(_LONGEST_LINE):
            try:
                self._hear(line)
            except ValidationError:
                warning = "A message of the engine could not be understood."
                self._heart.outbox.add(LogEvent(level="warning", message=warning))

    def _hear(self, line: bytes) -> None:
        news = message.validate_json(line)
        if isinstance(news, Done | Failed | Obeyed):
            self.last_word = news
        elif isinstance(news, AskUrls | AskUpload):
            self._serve(news)
        elif isinstance(news, ProgressEvent):
            self._heart.outbox.add(self._pace.with_time_left(news))
        else:
            self._heart.outbox.add(news)


def _start(task: Path, pipe: int, errors: IO[bytes], scratch: Path) -> subprocess.Popen[bytes]:
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("ALLOY_") or key in _PASSED_ON
    }
    return subprocess.Popen(
        [sys.executable, "-m", "alloyengine.runner.child", str(task), str(pipe)],
        env=inherited | _OURS | {"HOME": str(home), "TMPDIR": str(home)},
        stdin=subprocess.PIPE,
        stdout=errors,
        stderr=errors,
        pass_fds=(pipe,),
        start_new_session=True,
    )


def _watch(process: subprocess.Popen[bytes], heart: Heart) -> None:
    """Returns when the process has ended, by itself or by order."""
    deadline = float("inf")
    while process.poll() is None and time.monotonic() < deadline:
        try:
            heart.check()
        except StopOrdered:
            if deadline == float("inf"):
                process.terminate()
                grace = GRACE_OF_CANCELLED if heart.stop_ordered.is_set() else GRACE
                deadline = time.monotonic() + grace
        _wait(process)


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_LOOK)
    except subprocess.TimeoutExpired:
        return


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The engine with all it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(OSError):
        _stdin(process).close()


def _stdin(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise RuntimeError("the engine was started without a pipe to its standard input")
    return process.stdin
