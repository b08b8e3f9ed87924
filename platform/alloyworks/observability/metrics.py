"""What is counted, for Prometheus. Labels are words of ours: never an id, never a tenant.

Every process writes its own file in ALLOY_METRICS_DIR; whoever is asked adds them up.
"""

import os
from functools import cache
from pathlib import Path

from django.db import transaction

from alloyworks.config import config

FOLDER = config.metrics_dir or config.state_dir / "run" / "metrics"
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(FOLDER)  # read when prometheus_client is imported

from prometheus_client import Counter, Histogram

from alloyworks.jobs.models import Attempt, Job

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUESTS = Counter(
    "alloy_http_requests", "Requests answered", ["route", "method", "status"], registry=None
)
SECONDS = Histogram(
    "alloy_http_request_seconds",
    "From the request to the answer, or to where its stream begins",
    ["route", "method"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 10),
    registry=None,
)
JOBS = Histogram(
    "alloy_job_seconds",
    "From a job's first start to its end; zero when it never began",
    ["kind", "outcome"],
    buckets=(10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 72 * 3600),
    registry=None,
)
ATTEMPTS = Counter("alloy_attempts_ended", "Attempts that ended", ["kind", "state"], registry=None)
MESSAGES = Counter(
    "alloy_messages_tried", "Webhooks and mails tried", ["kind", "outcome"], registry=None
)


def request_answered(route: str, method: str, status: int, seconds: float) -> None:
    _ready()
    method = method if method in _METHODS else "other"
    REQUESTS.labels(route, method, str(status)).inc()
    SECONDS.labels(route, method).observe(seconds)


def job_ended(job: Job) -> None:
    """Counts the end when it is committed."""
    began, ended = job.started_at, job.finished_at
    seconds = (ended - began).total_seconds() if began and ended else 0.0
    kind, outcome = job.kind, str(job.state)

    def count() -> None:
        _ready()
        JOBS.labels(kind, outcome).observe(seconds)

    transaction.on_commit(count)


def attempt_ended(attempt: Attempt) -> None:
    """Counts the end when it is committed."""
    kind, state = attempt.job.kind, str(attempt.state)

    def count() -> None:
        _ready()
        ATTEMPTS.labels(kind, state).inc()

    transaction.on_commit(count)


def message_tried(kind: str, outcome: str) -> None:
    _ready()
    MESSAGES.labels(kind, outcome).inc()


@cache
def _ready() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True, mode=0o700)
    return FOLDER
