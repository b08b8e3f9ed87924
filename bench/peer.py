"""The reference peer, mergekit, in an environment of its own; nothing of it enters ours.

Its best flags on a processor with two cores, tried by turns on a model of 0.1B (linear, seconds of
the best run): none 7.0, --lazy-unpickle 7.5, -j 1 7.3, -j 2 8.2, --low-cpu-memory 6.8,
--async-write 6.9, with two write threads 6.8, --lazy-unpickle --async-write -j 2 6.8 with the least
spread (7.1 at most). --low-cpu-memory is about graphics memory and does nothing without any; the
rest of the difference is noise but for --async-write, which writes while the next tensor is merged.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench import cache

VERSION = "0.1.5"
FLAGS = ["--lazy-unpickle", "--async-write", "-j", str(os.cpu_count()), "--quiet"]

# Torch first and pinned: left alone, pip takes the newest with gigabytes of CUDA libraries. The
# rest of what mergekit's arithmetic and speed depend on, so that figures can be repeated.
PINS = [
    "accelerate==1.15.0",
    "click==8.5.1",
    "datasets==5.2.0",
    "huggingface_hub==2.4.0",
    "immutables==0.21",
    "numpy==2.4.6",
    "peft==0.21.2",
    "pydantic==2.14.4",
    "safetensors==0.8.0",
    "scipy==1.17.1",
    "tokenizers==0.23.3",
    "torch==2.13.0",
    "transformers==5.24.0",
]


def install() -> Path:
    """The folder of the peer's programs. The first call takes a minute or two and says so."""
    home = cache.folder() / "peers" / f"mergekit-{VERSION}"
    if not (home / "complete").exists():
        print(f"Installing mergekit {VERSION} into {home} (a minute or two)", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        (torch,) = (pin for pin in PINS if pin.startswith("torch=="))
        for packages in ([torch], [f"mergekit=={VERSION}", *PINS]):
            _pip(home, *packages)
        (home / "complete").touch()
    return home / "bin"


def command(recipe: Path, out: Path) -> list[str]:
    return [str(install() / "mergekit-yaml"), str(recipe), str(out), *FLAGS]


def _pip(home: Path, *packages: str) -> None:
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(
        [str(home / "bin" / "python"), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"mergekit {VERSION} can't be installed:\n{done.stderr[-2000:]}")
