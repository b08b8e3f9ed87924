"""Merges of models that lie in object storage: streamed, and by way of the disk as before.

    ./alloy bench remote --json bench/results/remote.json

Both ways by turns, three times each, once with --quick. Streamed is the runner as it is: an agent and
its engine. By disk is one program with the same parts, that fetches, merges and uploads in turn.
The store is the embedded S3 server on this machine; the models are in the page cache. Server and
merge share the cores, so between machines that are apart both ways take less.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

from bench import models, remote_disk
from bench.machine import where
from bench.merge_measure import Runs, gigabytes, measure, warm
from bench.remote_platform import Platform, platform

Figures = dict[str, Any]
RUNS = 3
STREAMED = ["-m", "alloyengine.runner"]
BY_DISK = [remote_disk.__file__]


def run(quick: bool = False, sizes: Sequence[str] = ("1.1B",)) -> Iterator[tuple[str, Figures]]:
    for size in sizes:
        made = {str(number): models.llama(size, number) for number in range(3)}
        with tempfile.TemporaryDirectory(dir=models.room()) as folder:
            for name, recipe in _recipes().items():
                for way, program in {"streamed": STREAMED, "by disk": BY_DISK}.items():
                    print(f"{size}: {name}, {way} …", file=sys.stderr)
                    with platform(Path(folder) / "store", made, recipe) as server:
                        figures = _measure(server, program, Path(folder), 1 if quick else RUNS)
                    shutil.rmtree(Path(folder) / "store")
                    yield f"{size} {name}, {way}", figures | {"where": where()}


def _recipes() -> dict[str, dict[str, Any]]:
    weights = [{"model": name, "parameters": {"weight": 0.5}} for name in "12"]
    sparse = [{"model": name, "parameters": {"weight": 0.5, "density": 0.5}} for name in "12"]
    return {
        "linear of 2": {"merge_method": "linear", "models": weights},
        "ties of 3": {"merge_method": "ties", "base_model": "0", "models": sparse},
    }


def _measure(server: Platform, program: list[str], folder: Path, runs: int) -> Figures:
    found, scratch = Runs(), 0
    for _ in range(runs):
        server.begin()
        warm(server.models.values())
        with _watched(folder / "scratch") as largest:
            words = [f"{key}={value}" for key, value in server.environment(folder).items()]
            found.runs.append(measure(["env", *words, sys.executable, *program]))
        scratch = max(scratch, *largest)
        server.check()
    return {
        "s": round(found.median, 2),
        "peak GB": gigabytes(max(one.peak for one in found.runs)),
        "scratch MB": round(scratch / 1e6, 1),
        "fetched GB": gigabytes(server.fetched),
        "sent GB": gigabytes(server.sent),
        "spread": found.spread,
    }


@contextmanager
def _watched(folder: Path) -> Iterator[list[int]]:
    """How many bytes of the disk the files of a folder took, ten times a second."""
    seen, ended = [0], Event()

    def watch() -> None:
        while not ended.wait(0.1):
            seen.append(_used(folder))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _used(folder: Path) -> int:
    """Bytes on the disk; what is removed while we look does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total
