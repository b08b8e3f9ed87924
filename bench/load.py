"""The REST API under load: reads and submissions at a fixed rate, with a million jobs in the table.

    ./alloy bench load --json bench/results/load.json

Brings up a stack of its own; requests are sent when they are due, whether or not earlier ones have
been answered, over kept-alive connections from this machine: the sender and the platform share its
cores. A request's time counts from when it was due. `start` is the time from a submission to the
job's running while a slot is free, `successor` that from the SIGKILL of an attempt's runner to the
opening of the next attempt, with its pause. The jobs that are submitted at a rate wait, because their
organisation may run none: an engine would take a core, and what is measured is their acceptance.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.faults.plays import Accepted, merge_of, merges, trains_long
from bench.faults.stage import Stage, stage
from bench.load_sender import Sent, send
from bench.machine import where
from bench.many_jobs import fill

Figures = dict[str, Any]
JOBS = 1_000_000
SECONDS = 60.0
SETTINGS = {"ALLOY_LOCAL_SLOTS": "1", "ALLOY_API_RATE": "0", "ALLOY_LIMIT_OPEN_JOBS": "1000000"}
STARTS, KILLS = 10, 10


def run(quick: bool = False, only: Sequence[str] = ()) -> Iterator[tuple[str, Figures]]:
    """With `quick` for ten seconds each, and without the million jobs."""
    seconds = 10.0 if quick else SECONDS
    with (
        tempfile.TemporaryDirectory(prefix="alloy-load-") as folder,
        stage(Path(folder), SETTINGS, tenants=1) as here,
    ):
        url = here.environment["ALLOY_DATABASE_OWNER_URL"]
        fill(url, here.tenants[0].organisation, 1000 if quick else JOBS)
        rows = {
            "start": lambda: _starts(here),
            "successor of a killed attempt": lambda: _successors(here),
            "GET /jobs/{id}, 300 a second": lambda: _reads(here, 300, seconds),
            "POST /jobs, 50 a second": lambda: _submissions(here, 50, seconds),
        }
        for name, measure in rows.items():
            if not only or any(word in name for word in only):
                yield name, measure() | {"where": where()}


def _starts(here: Stage) -> Figures:
    """One job after the other: the slot is free."""
    found = [_start(job) for _ in range(STARTS) for job in _merge(here)]
    return {
        "median ms": round(1000 * statistics.median(found)),
        "≤ ms": 1000,
        "met": statistics.median(found) <= 1,
    }


def _merge(here: Stage) -> list[Accepted]:
    return list(merges(here, here.tenants[0], random.Random(0)))


def _start(job: Accepted) -> float:
    tenant = job.tenant
    while tenant.job(job.id)["finished_at"] is None:
        time.sleep(0.1)
    found = tenant.job(job.id)
    begun, made = (_at(found[key]) for key in ("started_at", "created_at"))
    return begun - made


def _successors(here: Stage) -> Figures:
    """The first attempt of one training after the other is killed."""
    found = [_successor(here) for _ in range(KILLS)]
    return {"median ms": round(1000 * statistics.median(found)), "≤ ms": 15_000} | {
        "max ms": round(1000 * max(found)),
        "met": max(found) <= 15,
    }


def _successor(here: Stage) -> float:
    (job,) = trains_long(here, here.tenants[0], random.Random(0))
    while not (runners := [one for one in here.runners() if one.job == job.id]):
        time.sleep(0.2)
    time.sleep(random.uniform(1, 5))  # while it starts, or works
    killed = time.time()
    os.kill(runners[0].agent.pid, signal.SIGKILL)
    while len(attempts := job.tenant.attempts(job.id)) < 2:
        time.sleep(0.1)
    job.tenant.cancel(job.id)
    while job.tenant.job(job.id)["finished_at"] is None:
        time.sleep(0.1)
    return _at(next(one for one in attempts if one["number"] == 2)["created_at"]) - killed


def _reads(here: Stage, rate: int, seconds: float) -> Figures:
    (job,) = _merge(here)
    _start(job)
    request = _request(here, "GET", f"/jobs/{job.id}")
    return _told(send(here.running.url, request, rate, seconds), 200, rate, 100)


def _submissions(here: Stage, rate: int, seconds: float) -> Figures:
    _let_wait(here)
    request = _request(here, "POST", "/jobs", json.dumps(merge_of(here.bases, 0.5)).encode())
    return _told(send(here.running.url, request, rate, seconds), 201, rate, 300)


def _let_wait(here: Stage) -> None:
    """Whatever is submitted from now on."""
    alloy = Path(sys.executable).with_name("alloy")
    words = [str(alloy), "limits", here.tenants[0].organisation, "--running-jobs", "0"]
    subprocess.run(words, env=os.environ | here.environment, check=True, stdout=subprocess.DEVNULL)


def _request(here: Stage, method: str, path: str, body: bytes = b"") -> bytes:
    lines = [
        f"{method} /api/v1{path} HTTP/1.1",
        f"Host: {here.running.url.removeprefix('http://')}",
        f"Authorization: {here.tenants[0].http.headers['Authorization']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _told(sent: list[Sent], right: int, rate: int, most: float) -> Figures:
    times = sorted(1000 * one.seconds for one in sent)
    wrong = sum(one.status != right for one in sent)
    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
    answered = len(sent) - wrong
    lasted = max(one.at + one.seconds for one in sent) - min(one.at for one in sent)
    share = wrong / len(sent)
    return {
        "answered a second": round(answered / lasted, 1),
        "median ms": round(statistics.median(times), 1),
        "p99 ms": round(p99, 1),
        "≤ p99 ms": most,
        "errors %": round(100 * share, 2),
        "met": p99 <= most and share < 0.001 and answered / lasted >= 0.99 * rate,
    }


def _at(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()
