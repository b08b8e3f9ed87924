"""Many attempts in a cluster at once: how late the controller notices, what it holds, how often it asks.

    ./alloy bench kube --json bench/results/kube.json
    ./alloy bench kube --quick

On the tests' stand-in for a cluster (tests/kube/cluster), over real HTTP. The controller is a process of its own;
its platform is a pipe that says when it was told what. Every attempt gets its pod, runs, and then dies
one after the other, ten milliseconds apart.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.machine import where

Figures = dict[str, Any]
MANY, FEW = 1000, 100
LAG, MEMORY = 2.0, 300  # seconds and MB, at most
CALLS = 5.0  # an attempt, at most: what is asked and ended once; watches are few
BETWEEN = 0.01  # seconds between two deaths
SETTLED = 3.0  # seconds


def run(quick: bool = False) -> Iterator[tuple[str, Figures]]:
    count = FEW if quick else MANY
    with tempfile.TemporaryDirectory() as folder:
        yield f"{count} attempts", _measured(count, Path(folder)) | {"where": where()}


def _measured(count: int, folder: Path) -> Figures:
    from alloykube import manifest
    from tests.kube.cast import SETTINGS, runner, task
    from tests.kube.cluster.whole import Cluster

    cluster = Cluster(folder, plan="leave")
    told = Told(cluster.kubeconfig)
    try:
        told.until(lambda: cluster.server.watches >= 2)
        names = [runner(number).name for number in range(count)]
        for number in range(count):
            cluster.store.create("jobs", manifest.job(task(runner(number)), SETTINGS))
        told.until(lambda: cluster.store.count("pods") == count)
        pods = {name: cluster.pod(name) for name in names}
        for name in names:
            cluster.running(pods[name])
        time.sleep(SETTLED)
        before = sum(cluster.script.calls.values())
        died = {}
        for name in names:
            died[name] = time.time()
            cluster.failed(pods[name], 137, "OOMKilled")
            time.sleep(BETWEEN)
        told.until(lambda: len(told.lost) == count)
        lags = sorted(told.lost[name] - died[name] for name in names)
        calls = dict(cluster.script.calls)
    finally:
        told.stop()
        cluster.stop()
    each = (sum(calls.values()) - before) / count
    figures = {
        "lag s, median": round(lags[count // 2], 3),
        "lag s, most": round(lags[-1], 3),
        "≤ lag s": LAG,
        "MB": told.peak,
        "≤ MB": MEMORY,
        "calls while they run": before,
        "calls an ending": round(each, 2),
        "≤ calls an ending": CALLS,
    }
    met = lags[-1] <= LAG and told.peak <= MEMORY and each <= CALLS
    asked = {f"{verb} {kind}": times for (verb, kind), times in sorted(calls.items())}
    return figures | {"met": met, "calls": asked}


class Told:
    """A controller, and what it tells."""

    def __init__(self, kubeconfig: Path) -> None:
        self.lost: dict[str, float] = {}
        self.peak = 0  # MB
        words = [sys.executable, "-m", "bench.kube_controller", str(kubeconfig)]
        root = Path(__file__).parents[1]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root)
        threading.Thread(target=self._listen, daemon=True).start()

    def until(self, so: Any, seconds: float = 180.0) -> None:
        deadline = time.monotonic() + seconds
        while not so():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise SystemExit("The controller does not do what it is waited for.")
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            match json.loads(line):
                case ["lost", name, moment]:
                    self.lost[name] = moment
                case ["MB", size]:
                    self.peak = max(self.peak, size)
