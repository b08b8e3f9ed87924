"""One message on its way: claimed, sent outside of any transaction, and what came of it noted.

A claim is a lease. Whoever dies after it leaves the message to a later round, which sends it
again under the same id: receivers hear of every event at least once.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException
from time import time
from typing import TypeVar
from uuid import UUID

from django.core.mail import send_mail
from django.db.models import QuerySet
from django.utils import timezone

from alloyworks import outbound
from alloyworks.ids import first_id_of
from alloyworks.observability import metrics
from alloyworks.observability.logs import tells_ids
from alloyworks.outbound import Unreachable, UrlNotAllowed
from alloyworks.tenancy import scope
from alloyworks.webhooks import signing
from alloyworks.webhooks.endpoints import switch_off
from alloyworks.webhooks.events import TEST
from alloyworks.webhooks.models import Delivery, Mail, Message, MessageState

LEASE = timedelta(seconds=30)  # a try takes ten, and a moment
DAY = timedelta(hours=24)  # after that a message is given up
KEPT = timedelta(days=30)  # what became of a message is told for so long
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=6)
SHOWN = 500  # characters of an answer
GONE = 410
AnyMessage = TypeVar("AnyMessage", Delivery, Mail)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Of one try. Without an error it has arrived."""

    error: str = ""
    status: int | None = None
    answer: str = ""
    final: bool = False  # another try would be of no use


@tells_ids
def deliver(delivery_id: UUID, organisation_id: UUID) -> None:
    """Tries a webhook once, if it is due and nobody else is at it."""
    with scope(organisation_id):
        delivery = _claimed(Delivery, delivery_id)
    if delivery is None:
        return
    outcome = _posted(delivery)
    with scope(organisation_id):
        given_up = _note(delivery, outcome)
        if given_up and delivery.event != TEST:
            switch_off(delivery.endpoint, outcome.error)
        _forget_old(Delivery.objects.filter(endpoint_id=delivery.endpoint_id))
    metrics.message_tried("webhook", _outcome(outcome, given_up))


@tells_ids
def mail(mail_id: UUID, organisation_id: UUID) -> None:
    """Tries a mail once, likewise."""
    with scope(organisation_id):
        found = _claimed(Mail, mail_id)
    if found is None:
        return
    try:
        send_mail(found.subject, found.text, None, [found.address])
        outcome = Outcome()
    except (OSError, SMTPException) as error:
        outcome = Outcome(f"The mail server refused: {type(error).__name__}: {error}")
    with scope(organisation_id):
        given_up = _note(found, outcome)
        _forget_old(Mail.objects.filter(organisation_id=organisation_id))
    metrics.message_tried("mail", _outcome(outcome, given_up))


def _forget_old(rows: QuerySet[AnyMessage]) -> None:
    over = rows.exclude(state=MessageState.PENDING)
    over.filter(id__lt=first_id_of(timezone.now() - KEPT)).delete()


def _outcome(outcome: Outcome, given_up: bool) -> str:
    if not outcome.error:
        return "delivered"
    return "given_up" if given_up else "failed"


def pause(tries: int) -> timedelta:
    """Before the next try: 10 s, three times as long each time, six hours at most."""
    factor: int = 3 ** min(tries - 1, 10)
    return min(FIRST_PAUSE * factor, LONGEST_PAUSE)


def next_try(tries: int, due_since: datetime, now: datetime) -> datetime | None:
    """The last is a day after the first was due; None when that has passed."""
    end = due_since + DAY
    return None if now >= end else min(now + pause(tries), end)


def _claimed(kind: type[AnyMessage], message_id: UUID) -> AnyMessage | None:
    now = timezone.now()
    due = kind.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        id=message_id, state=MessageState.PENDING, next_at__lte=now
    )
    related = due.select_related("endpoint") if kind is Delivery else due
    found = related.first()
    if found is not None:
        found.tries, found.tried_at, found.next_at = found.tries + 1, now, now + LEASE
        found.save(update_fields=["tries", "tried_at", "next_at"])
    return found


def _posted(delivery: Delivery) -> Outcome:
    body = delivery.body.encode()
    signed = signing.headers(delivery.endpoint_id, delivery.message_id, int(time()), body)
    words = {"content-type": "application/json", "user-agent": "Alloyworks-Webhooks/1"}
    try:
        answer = outbound.post(delivery.endpoint.url, body, words | signed)
    except UrlNotAllowed as refusal:
        return Outcome(refusal.detail)
    except Unreachable as problem:
        return Outcome(str(problem))
    shown = answer.body[: 4 * SHOWN].decode(errors="replace").replace("\0", "�")[:SHOWN]
    if 200 <= answer.status < 300:
        return Outcome(status=answer.status, answer=shown)
    return Outcome(_meaning(answer.status), answer.status, shown, final=answer.status == GONE)


def _meaning(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver answered {status}; redirects are not followed."
    if status == GONE:
        return "The receiver answered 410: it wants no more."
    return f"The receiver answered {status}; only 2xx means that it has arrived."


def _note(message: Message, outcome: Outcome) -> bool:
    """Writes the outcome down, unless the lease ran out meanwhile; says whether it was given up."""
    now = timezone.now()
    once = isinstance(message, Delivery) and message.event == TEST
    following = None
    if outcome.error and not (outcome.final or once):
        following = next_try(message.tries, message.due_since, now)
    changes: dict[str, object] = {"error": outcome.error[:500]}
    if not outcome.error:
        changes["state"] = MessageState.DELIVERED
    elif following is None:
        changes["state"] = MessageState.FAILED
    else:
        changes["next_at"] = following
    if isinstance(message, Delivery):
        changes |= {"status": outcome.status, "answer": outcome.answer}
    rows = type(message)._default_manager.filter(
        id=message.id, state=MessageState.PENDING, tries=message.tries
    )
    return rows.update(**changes) == 1 and changes.get("state") == MessageState.FAILED
