"""The machine, the versions and the day that go with a figure."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.peer import PINS, VERSION

PACKAGES = ("numpy", "torch", "safetensors")


def where() -> dict[str, str | int | float]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "cpu": cpu(Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memory GB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "mergekit": VERSION,
        "mergekit's torch": next(pin for pin in PINS if pin.startswith("torch==")).split("==")[1],
    }


def cpu(info: str) -> str:
    """The processor's name in the words of /proc/cpuinfo."""
    for line in info.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return "unknown"
