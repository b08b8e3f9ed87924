"""Sends what is due, of every organisation, in turn."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from uuid import UUID

from django.db import connection

from alloyworks.webhooks import sending

AT_ONCE = 8  # messages on their way
SECONDS = 10.0  # after which no new batch begins: a worker that is to stop waits for the round
_SENDERS: dict[str, Callable[[UUID, UUID], None]] = {
    "webhook": sending.deliver,
    "mail": sending.mail,
}
_logger = logging.getLogger(__name__)


def send_due(goes_on: Callable[[], object] = lambda: None) -> None:
    """Until nothing is due, or this round is over. `goes_on` is called before every batch."""
    end = monotonic() + SECONDS
    with ThreadPoolExecutor(AT_ONCE) as threads:
        while monotonic() < end and (due := due_now()):
            goes_on()
            list(threads.map(_send, due[: 2 * AT_ONCE]))


def due_now() -> list[tuple[str, UUID, UUID]]:
    """Kind, id and organisation of the next messages: the first of everybody, then the second."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, message_id, organisation_id FROM alloy_due_messages()")
        return list(cursor.fetchall())


def _send(due: tuple[str, UUID, UUID]) -> None:
    kind, message_id, organisation_id = due
    try:
        _SENDERS[kind](message_id, organisation_id)
    except Exception:
        # Its lease runs out, and a later round tries again; the others must not wait for it.
        _logger.exception("The %s %s could not be sent", kind, message_id)
    finally:
        connection.close()
