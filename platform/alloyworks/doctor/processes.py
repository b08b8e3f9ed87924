"""Worker and beat, asked through the broker."""

from time import monotonic, sleep

from kombu.exceptions import OperationalError

from alloyworks.config import config
from alloyworks.doctor.findings import Findings, ok, problem
from alloyworks.embedded import health
from alloyworks.jobs import pulse

LATE = 60.0  # seconds after which something is wrong
PATIENCE = 10  # seconds: a beat that has just begun has called nobody yet


def worker() -> Findings:
    try:
        health.worker(config.broker_url)
    except (RuntimeError, OperationalError, OSError) as error:
        yield problem(
            "worker",
            f"No Celery worker: {error}.",
            "Start `celery -A alloyworks.celery worker` with the same settings.",
        )
    else:
        yield ok("worker", "answers")


def beat() -> Findings:
    """By the reconciler's latest round, which beat asks for and a worker does."""
    end = monotonic() + PATIENCE
    while (age := pulse.age(pulse.RECONCILER)) is None and monotonic() < end:
        sleep(0.5)
    if age is None or age > LATE:
        said = "never called the reconciler" if age is None else f"called it {age:.0f} s ago"
        yield problem(
            "beat",
            f"Beat {said}: jobs that lose their hint are not looked at.",
            "Start one `celery -A alloyworks.celery beat`, and a worker.",
        )
    else:
        yield ok("beat", f"called the reconciler {age:.0f} s ago")
