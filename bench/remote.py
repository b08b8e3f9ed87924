"""Merges of models that lie in object storage: streamed, and by way of the disk as before.

    ./alloy bench remote --json bench/results/remote.json

Both ways by turns, three times each, once with --quick. Streamed is the runner as it is: an agent and
its engine. By disk is one program with the same parts, that fetches, merges and uploads in turn.
The store is the embedded S3 server on this machine; the models are in the page cache. Server and
merge share the cores, so between machines that are apart both ways take less.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from bench import models, remote_disk
from bench.machine import where
from bench.merge_measure import Runs, gigabytes, measure, warm
from bench.remote_platform import Platform, platform

Figures = dict[str, Any]
RUNS = 3
WAYS = {"streamed": ["-m", "alloyengine.runner"], "by disk": [remote_disk.__file__]}


@dataclass
class Way:
    """What one way took, in all its runs."""

    runs: Runs = field(default_factory=Runs)
    scratch: int = 0
    fetched: int = 0

    def figures(self, name: str) -> Figures:
        return {
            **self.runs.figures(name),
            f"{name} scratch MB": round(self.scratch / 1e6, 1),
            f"{name} fetched GB": gigabytes(self.fetched),
        }


def run(quick: bool = False, sizes: Sequence[str] = ("1.1B",)) -> Iterator[tuple[str, Figures]]:
    for size in sizes:
        made = {str(number): models.llama(size, number) for number in range(3)}
        for name, recipe in _recipes().items():
            print(f"{size} {name} …", file=sys.stderr)
            with _room() as folder, platform(folder / "store", made, recipe) as server:
                ways = _compare(server, folder, 1 if quick else RUNS)
            yield f"{size} {name}", _figures(ways, server) | {"where": where()}


@contextmanager
def _room() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=models.room()) as folder:
        yield Path(folder)


def _recipes() -> dict[str, dict[str, Any]]:
    weights = [{"model": name, "parameters": {"weight": 0.5}} for name in "12"]
    sparse = [{"model": name, "parameters": {"weight": 0.5, "density": 0.5}} for name in "12"]
    return {
        "linear of 2": {"merge_method": "linear", "models": weights},
        "ties of 3": {"merge_method": "ties", "base_model": "0", "models": sparse},
    }


def _compare(server: Platform, folder: Path, runs: int) -> dict[str, Way]:
    ways = {name: Way() for name in WAYS}
    for _ in range(runs):
        for name, way in ways.items():
            _run(server, WAYS[name], folder, way)
    return ways


def _run(server: Platform, program: list[str], folder: Path, way: Way) -> None:
    server.begin()
    warm(server.models.values())
    words = [f"{key}={value}" for key, value in server.environment(folder).items()]
    with _watched(folder / "scratch") as seen:
        way.runs.runs.append(measure(["env", *words, sys.executable, *program]))
    way.scratch = max(way.scratch, *seen)
    server.check()
    way.fetched = server.fetched
    os.sync()


def _figures(ways: dict[str, Way], server: Platform) -> Figures:
    streamed, by_disk = (way.runs.median for way in ways.values())
    figures = {key: value for name, way in ways.items() for key, value in way.figures(name).items()}
    spread = {name: way.runs.spread for name, way in ways.items()}
    ratio = {"ratio": round(by_disk / streamed, 2), "sent GB": gigabytes(server.sent)}
    return figures | ratio | {"spread": spread}


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
