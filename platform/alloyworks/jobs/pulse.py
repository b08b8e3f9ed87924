"""When the platform was there to hear runners: silence while nobody listened is not theirs.

The web processes, which hear runners, and the reconciler, which judges them, each leave a sign every
few seconds. A sign that comes late means that the process, the database or the whole machine was away,
and everyone's lease begins anew. Only the database's clock counts.
"""

import logging
import time
from datetime import datetime, timedelta
from threading import Thread

from django.db import Error, connection

from alloyworks.config import config

WEB, RECONCILER = "web", "reconciler"
PERIOD = 3.0  # seconds between two signs
_logger = logging.getLogger(__name__)


def gap() -> timedelta:
    """After so long without a sign nobody was there: three rounds, or a quarter of a lease."""
    return timedelta(seconds=max(3 * PERIOD, config.lease_seconds / 4))


def beat(name: str) -> None:
    """A sign of life."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO jobs_pulse AS pulse (name, at, since) VALUES (%s, now(), now())
            ON CONFLICT (name) DO UPDATE SET at = now(), since =
                CASE WHEN pulse.at < now() - make_interval(secs => %s)
                THEN now() ELSE pulse.since END
            """,
            [name, gap().total_seconds()],
        )


def listening_since() -> datetime:
    """Since when all of us have been here without a gap; now, when one is missing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(CASE WHEN at < now() - make_interval(secs => %s)"
            " THEN now() ELSE since END), now()) FROM jobs_pulse",
            [gap().total_seconds()],
        )
        found: datetime = cursor.fetchone()[0]
    return found


def is_late(name: str) -> bool:
    """Whether there was no sign for three periods, or never one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM jobs_pulse WHERE name = %s AND at > now() - make_interval(secs => %s)",
            [name, 3 * PERIOD],
        )
        return cursor.fetchone() is None


def age(name: str) -> float | None:
    """Seconds since the last sign; None when there never was one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM now() - at)::float8 FROM jobs_pulse WHERE name = %s", [name]
        )
        row = cursor.fetchone()
    return None if row is None else max(0.0, row[0])


def keep_beating(name: str) -> None:
    """From now on, as long as this process runs."""
    Thread(target=_beat_on, args=(name,), name="pulse", daemon=True).start()


def _beat_on(name: str) -> None:
    while True:
        try:
            beat(name)
        except Error as error:
            _logger.warning("The database does not take a sign of life: %s", error)
        finally:
            connection.close()
        time.sleep(PERIOD)
