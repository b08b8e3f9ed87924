"""Why the engine's process ended without a last word."""

import re
import signal
from pathlib import Path

from alloyengine.spec.protocol import Failure

_MEMORY_EVENTS = Path("/sys/fs/cgroup/memory.events")
_TAIL = 3000
_PATH = re.compile(r"(?:/[\w.@+~-]+)+/(?=[\w.@+~-])")


def explain(returncode: int, log: Path, out_of_memory: bool) -> Failure:
    if out_of_memory:
        return Failure(
            code="out_of_memory",
            fault="capacity",
            message="The engine was killed because the machine's memory ran out.",
            remedy="Use a smaller batch, shorter examples, or a larger machine.",
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


def oom_kills() -> int:
    """How many processes the kernel has killed for memory in this control group."""
    try:
        lines = _MEMORY_EVENTS.read_text().splitlines()
    except OSError:
        return 0
    counts = dict(line.split() for line in lines)
    return int(counts.get("oom_kill", 0))


def _tail(log: Path) -> str:
    """The last lines the engine wrote, without the machine's paths."""
    text = log.read_bytes()[-_TAIL:].decode(errors="replace")
    return _PATH.sub("", text).strip()
