"""The clock that asks for rounds; it makes them itself when nobody else does.

So jobs go on, their ends are told, and what they leave is removed, while the queue is away or no worker
hears it, only a little more slowly.
"""

import logging
from threading import Thread
from typing import Any

from celery.beat import PersistentScheduler
from django.db import Error, connection

from alloyworks.jobs import leftovers, pulse
from alloyworks.jobs.dispatch import look_at_all
from alloyworks.jobs.tasks import reconcile, send
from alloyworks.webhooks import rounds

_logger = logging.getLogger(__name__)
_beside = Thread()


class Scheduler(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """Its ticks do not wait for a broker that is away or hangs."""

    producer = None  # the thread that sends has a connection of its own

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        send(self.app.tasks[entry.task], *entry.args)
        self.sync()
        if entry.task == reconcile.name:
            stand_in()


def stand_in() -> None:
    """A round, when the last one is too long ago."""
    try:
        if pulse.is_late(pulse.RECONCILER):
            _logger.warning("No worker has looked at the jobs for a while: beat does.")
            look_at_all()
            _do_the_rest()
    except Error as error:
        _logger.warning("The database does not answer: %s", error)
    finally:
        connection.close()


def _do_the_rest() -> None:
    """Beside the clock, which no slow receiver and no slow storage may hold up."""
    global _beside  # one thread of this process
    if not _beside.is_alive():
        _beside = Thread(target=_send_and_tidy, name="beside", daemon=True)
        _beside.start()


def _send_and_tidy() -> None:
    try:
        rounds.send_due()
        leftovers.tidy_all()
    except Error as error:
        _logger.warning("The database does not answer: %s", error)
    finally:
        connection.close()
