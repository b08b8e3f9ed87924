"""Child processes: started so that they die with us, told apart from strangers by start time."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

LOG_BYTES = 10 * 1024**2
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Mark:
    """Names one process for good: a pid alone is used again by the system."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Mark":
        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            # The system counts from its boot: a clock that is set moves all times a little.
            same = abs(process.create_time() - self.started) < 2
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def spawn(
    command: list[str],
    environment: Mapping[str, str],
    log: Path,
    dies_with_us: signal.Signals | None = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Starts a process in its own session, its words appended to `log`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
            preexec_fn=_die_with_parent(dies_with_us) if dies_with_us else None,  # noqa: PLW1509
        )


def end(marks: Iterable[Mark], patience: float, how: signal.Signals = signal.SIGTERM) -> None:
    """Asks the processes and their sessions to stop, and after `patience` seconds makes them."""
    found = [mark for mark in marks if mark.alive()]
    family = [process for mark in found for process in _session(mark)]
    for mark in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(mark.pid, how)
    _, left = psutil.wait_procs(family, timeout=patience)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


def end_session(leader: int) -> None:
    """Ends what a dead child left behind in its session; others' sessions are not touched."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def rotate(log: Path) -> None:
    """Keeps one older log; the writers append, so the file can be emptied under them."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.with_suffix(".log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)


def tail(log: Path, lines: int = 15) -> str:
    """The last words of a log."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8192))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def runners(scratch_below: Path) -> list[Mark]:
    """Job runners whose scratch folder lies in this state folder, wherever they were started."""
    found = []
    for process in psutil.process_iter(["pid", "create_time", "cmdline"]):
        words = process.info["cmdline"] or []
        if not any(word.startswith("alloyengine.runner") for word in words):
            continue
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            scratch = Path(process.environ().get("ALLOY_RUNNER_SCRATCH", "/"))
            if scratch.is_relative_to(scratch_below):
                found.append(Mark(process.info["pid"], process.info["create_time"]))
    return found


def _session(mark: Mark) -> list[psutil.Process]:
    """The process and its descendants, without those that made a session of their own (jobs)."""
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        leader = psutil.Process(mark.pid)
        below = leader.children(recursive=True)
        return [leader, *(child for child in below if os.getsid(child.pid) == mark.pid)]
    return []


def _die_with_parent(how: signal.Signals) -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def order() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(how))

    return order
