"""A job as it goes on, as server-sent events.

    event: log       {id, at, attempt, level, message}     with the event's id, to resume from
    event: state     {id, at, attempt, state, message}     likewise
    event: waiting   {why, place, until, jobs}             of one that has not begun; it changed
    event: progress  {phase, done, total, seconds_left}
    event: metrics   {points: [{name, step, value}]}       all so far, then the new ones
    event: report    {name}                                it appeared or changed
    event: end       {state}                               nothing follows

A stream is open for hours, so between two looks at the database it holds neither a connection nor
a transaction, and every look asks anew whether its reader may still see the job.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.serializers.json import DjangoJSONEncoder
from django.db import InterfaceError, OperationalError, connection
from django.db.models import JSONField
from django.db.models.expressions import RawSQL

from alloyworks.accounts import keys
from alloyworks.accounts.models import Membership
from alloyworks.accounts.principal import Principal
from alloyworks.jobs import reading, waiting
from alloyworks.jobs.models import Event, Job, Metric
from alloyworks.jobs.states import FINISHED
from alloyworks.jobs.waiting import Waiting
from alloyworks.stopping import stopping
from alloyworks.tenancy import scope

PAUSE = 0.7  # seconds between two looks
HEARTBEAT = 15.0  # seconds of silence, at most
EVENTS, POINTS = 500, 5000  # at one look
RETRY = "retry: 2000\n\n"  # milliseconds before a browser comes back
STILL_HERE = ": still here\n\n"

# Reports may be large; which of them changed is told by digests.
_DIGESTS = RawSQL(  # nobody's input is in it
    "(SELECT jsonb_object_agg(key, md5(value::text)) FROM jsonb_each(reports))",
    (),
    output_field=JSONField(),
)


async def follow(principal: Principal, job_id: UUID, after: int = 0) -> AsyncIterator[str]:
    """Everything after the event with this id, until the job is finished or out of sight."""
    # The request's own connection would else stay with it as long as the stream is open.
    await sync_to_async(_release)()
    # Threads of the common pool: their number bounds the connections of all streams together.
    look = sync_to_async(_look, thread_sensitive=False)
    told, seen = monotonic(), _Seen(event=after)
    yield RETRY
    while not (seen.all or stopping.is_set()):
        try:
            news = await look(principal, job_id, seen)
        except (OperationalError, InterfaceError):
            return  # the database is away for a moment; the reader comes back
        if news:
            yield news
        elif monotonic() - told >= HEARTBEAT:
            yield STILL_HERE
        else:
            await asyncio.sleep(PAUSE)
            continue
        told = monotonic()


@dataclass
class _Seen:
    """How far a reader has got."""

    event: int
    metric: int = 0
    progress: dict[str, Any] = field(default_factory=dict)
    reports: dict[str, str] = field(default_factory=dict)
    waiting: Waiting | None = None
    all: bool = False


def _look(principal: Principal, job_id: UUID, seen: _Seen) -> str:
    """What is new, as text; notes in `seen` what was told."""
    try:
        with scope(principal.organisation.id, principal.user.id):
            return "".join(_news(principal, job_id, seen))
    finally:
        _release()


def _release() -> None:
    """Gives this thread's connection back to the pool."""
    connection.close()


def _news(principal: Principal, job_id: UUID, seen: _Seen) -> list[str]:
    # The job goes first: what it told before it ended is then certainly there.
    jobs = reading.jobs_of(principal).filter(id=job_id).annotate(digests=_DIGESTS)
    job = jobs.only("state", "progress", "attempt_number", "not_before").first()
    if job is None or not _may_look(principal):
        seen.all = True
        return []
    news = _events(job, seen)
    more = len(news) == EVENTS
    if points := _points(job, seen):
        more |= len(points) == POINTS
        news.append(_message("metrics", {"points": points}))
    news += _waiting(job, seen) + _progress(job, seen) + _reports(job, seen)
    if job.state in FINISHED and not more:
        seen.all = True
        news.append(_message("end", {"state": job.state}))
    return news


def _may_look(principal: Principal) -> bool:
    """People leave, and keys are revoked, while their streams are open."""
    key = principal.api_key
    if key is not None and not keys.keys_of(principal).filter(id=key.id).exists():
        return False
    mine = Membership.objects.filter(organisation=principal.organisation, user=principal.user)
    return mine.filter(user__is_active=True).exists()


def _events(job: Job, seen: _Seen) -> list[str]:
    found = list(Event.objects.filter(job=job, id__gt=seen.event).order_by("id")[:EVENTS])
    if found:
        seen.event = found[-1].id
    return [_message(event.type, _told(event), event.id) for event in found]


def _told(event: Event) -> dict[str, Any]:
    return {"id": event.id, "at": event.at, "attempt": event.attempt_number, **event.data}


def _points(job: Job, seen: _Seen) -> list[dict[str, Any]]:
    """A point that a later attempt measured again is a new row, so ids only grow."""
    rows = Metric.objects.filter(job=job, id__gt=seen.metric).order_by("id")
    found = list(rows.values_list("id", "name", "step", "value")[:POINTS])
    if found:
        seen.metric = found[-1][0]
    return [{"name": name, "step": step, "value": value} for _, name, step, value in found]


def _waiting(job: Job, seen: _Seen) -> list[str]:
    found = waiting.of(job)
    if found == seen.waiting:
        return []
    seen.waiting = found
    return [_message("waiting", asdict(found))] if found else []


def _progress(job: Job, seen: _Seen) -> list[str]:
    if job.progress == seen.progress:
        return []
    seen.progress = job.progress
    return [_message("progress", job.progress)] if job.progress else []


def _reports(job: Job, seen: _Seen) -> list[str]:
    digests: dict[str, str] = getattr(job, "digests", None) or {}
    new = [name for name, digest in digests.items() if seen.reports.get(name) != digest]
    seen.reports = digests
    return [_message("report", {"name": name}) for name in new]


def _message(event: str, data: dict[str, Any], event_id: int | None = None) -> str:
    numbered = f"id: {event_id}\n" if event_id is not None else ""
    return f"{numbered}event: {event}\ndata: {json.dumps(data, cls=DjangoJSONEncoder)}\n\n"
