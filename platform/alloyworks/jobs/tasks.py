"""What Celery runs: short looks at jobs. A lost message loses nothing, a second one does no harm."""

import logging
import os
from contextlib import suppress
from functools import cache
from queue import Full, Queue
from threading import Thread
from typing import Any
from uuid import UUID

from django.core.cache import cache as shared
from django.db import transaction

from alloyworks.celery import app
from alloyworks.jobs.models import Attempt, Job

_BUSY = "jobs:reconciling"
Letter = tuple[Any, tuple[str, ...]]
_logger = logging.getLogger(__name__)


@app.task(expires=60)  # type: ignore[untyped-decorator]
def look(job_id: str, organisation_id: str) -> None:
    """Brings one job forward."""
    from alloyworks.jobs.dispatch import look_at

    look_at(UUID(job_id), UUID(organisation_id))


@app.task(expires=10)  # type: ignore[untyped-decorator]
def reconcile() -> None:
    """Brings every unfinished job forward; one round at a time is enough."""
    from alloyworks.jobs.dispatch import look_at_all

    if not shared.add(_BUSY, 1, timeout=60):
        return
    try:
        look_at_all()
    finally:
        shared.delete(_BUSY)


@app.task  # type: ignore[untyped-decorator]
def sweep(attempt_id: str, organisation_id: str) -> None:
    """Removes what an attempt without a result has left in storage."""
    from alloyworks.jobs.leftovers import sweep_attempt

    sweep_attempt(UUID(attempt_id), UUID(organisation_id))


@app.task  # type: ignore[untyped-decorator]
def sweep_checkpoints(job_id: str, organisation_id: str) -> None:
    """Removes those that were replaced, or that nobody needs any more."""
    from alloyworks.jobs.checkpoints import sweep

    sweep(UUID(job_id), UUID(organisation_id))


@app.task(expires=600)  # type: ignore[untyped-decorator]
def tidy() -> None:
    """Removes what finished jobs have left in storage, whatever became of earlier messages."""
    from alloyworks.jobs.leftovers import tidy_all

    tidy_all()


def hint(job: Job) -> None:
    """After the commit, asks the worker to look at the job."""
    words = (str(job.id), str(job.organisation_id))
    transaction.on_commit(lambda: send(look, *words))


def hint_all() -> None:
    """After the commit, asks the worker to look at all jobs."""
    transaction.on_commit(lambda: send(reconcile))


def sweep_after(attempt: Attempt) -> None:
    """After the commit, has the worker remove what the attempt has uploaded."""
    words = (str(attempt.id), str(attempt.organisation_id))
    transaction.on_commit(lambda: send(sweep, *words))


def sweep_checkpoints_after(job: Job) -> None:
    """After the commit, has the worker remove those without a row."""
    words = (str(job.id), str(job.organisation_id))
    transaction.on_commit(lambda: send(sweep_checkpoints, *words))


def flush() -> None:
    """Returns when all hints of this process have been sent, or given up."""
    _postbox(os.getpid()).join()


def send(task: Any, *words: str) -> None:
    """Leaves it to a thread: whoever sends a hint does not wait for a queue that is away or hangs."""
    with suppress(Full):  # the reconciler's next round sees the rows
        _postbox(os.getpid()).put_nowait((task, words))


@cache
def _postbox(_process: int) -> Queue[Letter]:
    """One a process, with a thread that empties it."""
    box: Queue[Letter] = Queue(maxsize=100)
    Thread(target=_deliver, args=(box,), name="hints", daemon=True).start()
    return box


def _deliver(box: Queue[Letter]) -> None:
    while True:
        task, words = box.get()
        try:
            task.apply_async(words, retry=False)
        except Exception as error:  # noqa: BLE001  # whatever it is, the thread must go on
            _logger.warning("The queue does not answer: %s", error)
        finally:
            box.task_done()
