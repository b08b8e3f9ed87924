"""Why the engine ended: without a last word, or with one that tells of memory or disk."""

import os
import re
import signal
from pathlib import Path

from alloyengine.runner import limits
from alloyengine.spec.protocol import Failure

_CONTROL_GROUP = Path("/sys/fs/cgroup")
_OUT_OF_MEMORY = re.compile(r"out of memory|can(no|')t allocate memory", re.IGNORECASE)
_WANTED = re.compile(r"tried to allocate ([\d.]+ ?[KMGT]?i?B(ytes)?)", re.IGNORECASE)
_OUT_OF_DISK = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_TOO_LARGE = re.compile(r"file too large", re.IGNORECASE)
_MORE_MEMORY = "Use a smaller batch, shorter examples, or a larger machine."
_MORE_DISK = "Use a machine with a larger disk, or ask the operator to free some room."
_LARGER_FILES = "Ask the operator for a higher ALLOY_ENGINE_FILE_GB."
_TAIL = 3000
_PATH = re.compile(r"(?:/[\w.@+~-]+)+/(?=[\w.@+~-])")


def explain(returncode: int, log: Path, out_of_memory: bool) -> Failure:
    if out_of_memory:
        needed = f"It needed more than the {memory() >> 20:,} MiB that there are."
        return _out_of_memory(
            f"The engine was killed because the machine's memory ran out. {needed}"
        )
    if returncode in (-signal.SIGKILL, -signal.SIGTERM):
        return Failure(
            code="killed",
            fault="capacity",
            message=f"The engine was killed from outside (signal {-returncode}), "
            "which most often means that the machine ran out of memory.",
            remedy="Try again; if it happens again, use a smaller batch or a larger machine.",
        )
    how = f"signal {-returncode}" if returncode < 0 else f"exit code {returncode}"
    message = f"The engine ended unexpectedly ({how}).\n{_tail(log)}".strip()
    return Failure(code="engine_failed", fault="platform", message=message)


def exhausted(error: Exception) -> Failure | None:
    """What the engine's own error says of memory or disk, if it does: torch tells a failed allocation
    as a RuntimeError with words in it, others in other ways.
    """
    said = str(error)
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(said):
        wanted = _WANTED.search(said)
        last = f" The last piece that did not fit had {wanted[1]}." if wanted else ""
        allowed = limits.memory()
        whose = f"The {allowed:g} GB that a job may take" if allowed else "The machine's memory"
        return _out_of_memory(f"{whose} did not suffice.{last}")
    if _OUT_OF_DISK.search(said):
        return _disk_full("The machine's disk is full.", _MORE_DISK)
    if _TOO_LARGE.search(said):
        allowed = limits.file()
        most = f"the {allowed:g} GB that are allowed" if allowed else "this disk takes"
        return _disk_full(f"A file would have been larger than {most}.", _LARGER_FILES)
    return None


def oom_kills() -> int:
    """How many processes the kernel has killed for memory in this control group."""
    try:
        lines = (_CONTROL_GROUP / "memory.events").read_text().splitlines()
    except OSError:
        return 0
    counts = dict(line.split() for line in lines)
    return int(counts.get("oom_kill", 0))


def memory() -> int:
    """Bytes that this machine, or this control group, may use."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = (_CONTROL_GROUP / "memory.max").read_text().strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdigit() else machine


def _out_of_memory(message: str) -> Failure:
    return Failure(code="out_of_memory", fault="capacity", message=message, remedy=_MORE_MEMORY)


def _disk_full(message: str, remedy: str) -> Failure:
    return Failure(code="disk_full", fault="capacity", message=message, remedy=remedy)


def _tail(log: Path) -> str:
    """The last lines the engine wrote, without the machine's paths."""
    text = log.read_bytes()[-_TAIL:].decode(errors="replace")
    return _PATH.sub("", text).strip()
