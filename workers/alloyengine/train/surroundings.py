"""Where a run took place: versions of what it used, and the machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

_PACKAGES = ("torch", "transformers", "peft", "safetensors", "numpy")


def surroundings() -> dict[str, str]:
    """In words, for people: names of things and what they are."""
    return {
        "Alloyworks": _version("alloyworks"),
        "Python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
        "Machine": _machine(),
    }


def _machine() -> str:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        return " + ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names))
    return f"{_processor()}, {len(os.sched_getaffinity(0))} cores"


def _processor() -> str:
    """Linux tells the name in a file of its own."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
