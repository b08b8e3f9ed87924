"""Wall seconds and peak memory of whole processes, one after the other on equal terms.

Before a run its inputs are read once, so that they lie in the page cache. After it the output is
deleted and the disk flushed: no run waits for what another left to be written.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 1 << 24


@dataclass(frozen=True)
class Run:
    """`seconds` of wall time; `peak` bytes: the largest resident set, mapped files included, of
    the process or of any one that it started."""

    seconds: float
    peak: int


@dataclass
class Runs:
    runs: list[Run] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def peak(self) -> int:
        """bytes"""
        return max(run.peak for run in self.runs)

    def figures(self, who: str) -> dict[str, float]:
        return {f"{who} s": round(self.median, 2), f"{who} GB": gigabytes(self.peak)}

    @property
    def spread(self) -> dict[str, float | list[float]]:
        """Every run, for the file: `seconds` in the order they were made."""
        seconds = [round(run.seconds, 3) for run in self.runs]
        return {"min": min(seconds), "max": max(seconds), "seconds": seconds}


def gigabytes(size: int) -> float:
    return round(size / 1e9, 2)


def measure(command: Sequence[str | Path]) -> Run:
    """Runs a command to its end. What it says is shown only when it fails, and ends the bench.

    The kernel counts a new process from the size of the one that made it, so no peak is smaller
    than this process: some 0.1 GB.
    """
    with tempfile.TemporaryFile() as said:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said, env=_environment())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.stderr.buffer.write(said.read()[-4000:])
            words = " ".join(map(str, command))
            raise SystemExit(f"The exit status was {process.returncode}: {words}")
    return Run(seconds, usage.ru_maxrss * 1024)


def _environment() -> dict[str, str]:
    """Ours, but Python may keep what it has compiled, as wherever somebody works."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure_writer(command: Sequence[str | Path], out: Path, inputs: Iterable[Path]) -> Run:
    """Of a command that makes the folder or file `out`, which is deleted."""
    warm(inputs)
    try:
        return measure(command)
    finally:
        if out.is_dir():
            shutil.rmtree(out)
        else:
            out.unlink(missing_ok=True)
        os.sync()


def warm(folders: Iterable[Path]) -> None:
    """Reads the weights of model folders, so that they are in the page cache."""
    buffer = bytearray(BLOCK)
    for path in (file for folder in folders for file in folder.glob("*.safetensors")):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass
