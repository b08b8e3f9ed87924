"""What is told of a campaign: counts, and how quickly what was struck came back."""

import statistics
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bench.faults.nemesis import Nemesis
from bench.faults.plays import Accepted

Figures = dict[str, Any]
DEAD_AFTER = 30.0  # seconds within which a woken attempt must have left


def figures(accepted: list[Accepted], nemesis: Nemesis) -> Figures:
    """Asked of the REST API, as a tenant would."""
    jobs = {job.id: job.tenant.job(job.id) for job in accepted}
    attempts = {job.id: job.tenant.attempts(job.id) for job in accepted}
    tries = [attempt for found in attempts.values() for attempt in found]
    failures = [row["failure"]["code"] for row in jobs.values() if row["failure"]]
    return {
        "faults": dict(nemesis.struck + _of_storage(nemesis)),
        "jobs": len(jobs),
        "ended": dict(Counter(row["state"] for row in jobs.values())),
        "failed because": dict(Counter(failures)),
        "attempts": len(tries),
        "attempts ended": dict(Counter(attempt["state"] for attempt in tries)),
        "start delay s": _spread(_delays(jobs.values(), attempts)),
        "found s": _spread(_found(nemesis, attempts)),
        "successor s": _spread(_successors(nemesis, attempts)),
    }


def _of_storage(nemesis: Nemesis) -> Counter[str]:
    store = nemesis.stage.store
    return store.struck if store else Counter()


def _delays(jobs: Iterable[Figures], attempts: dict[str, list[Figures]]) -> list[float]:
    """From submission to the first attempt's opening, waiting for a free slot included."""
    return [
        _at(attempts[row["id"]][0]["created_at"]) - _at(row["created_at"])
        for row in jobs
        if attempts[row["id"]]
    ]


def _found(nemesis: Nemesis, attempts: dict[str, list[Figures]]) -> list[float]:
    """From an attempt's death until the platform knows of it."""
    return [
        _at(attempt["finished_at"]) - kill.at
        for kill in nemesis.kills
        for attempt in attempts.get(kill.job, [])
        if attempt["number"] == kill.attempt and attempt["finished_at"]
    ]


def _successors(nemesis: Nemesis, attempts: dict[str, list[Figures]]) -> list[float]:
    """From an attempt's death to the opening of the next, back-off and queue included."""
    found = []
    for kill in nemesis.kills:
        after = [a for a in attempts.get(kill.job, []) if a["number"] == kill.attempt + 1]
        found += [_at(attempt["created_at"]) - kill.at for attempt in after]
    return found


def _spread(seconds: list[float]) -> Figures:
    if not seconds:
        return {}
    rounded = sorted(round(value, 1) for value in seconds)
    late = rounded[min(len(rounded) - 1, int(len(rounded) * 0.95))]
    return {"median": statistics.median(rounded), "p95": late, "max": rounded[-1]}


def _at(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()
