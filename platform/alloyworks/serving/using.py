"""Finding an endpoint for whoever asks, waking it, and counting what it was asked.

Each function is a short transaction in a thread: while a model answers, no connection is held.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from alloyworks.accounts import keys, limits
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Problem
from alloyworks.jobs import clock
from alloyworks.serving import lifecycle, tickets
from alloyworks.serving.models import Endpoint, EndpointState
from alloyworks.serving.protocol import Refused
from alloyworks.tenancy import scope

NOTED_EVERY = timedelta(seconds=10)
REST = timedelta(seconds=60)  # after a failure, before a request wakes it again


@dataclass(frozen=True)
class Usage:
    """Tokens."""

    read: int = 0
    written: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.read + other.read, self.written + other.written)


@dataclass(frozen=True)
class Asker:
    """Who asks, and what they may ask: any endpoint, or only the one of this name."""

    principal: Principal
    only: str | None = None


def authenticated(token: str, address: str | None) -> Asker:
    """By an API key, or the ticket of a page. Raises Refused."""
    try:
        if token.startswith(tickets.PREFIX):
            ticket = tickets.read(token, address)
            asker = Asker(ticket.principal, ticket.endpoint)
        else:
            asker = Asker(keys.authenticate(token, address))
        if asker.principal.api_key is not None:
            limits.count("key", asker.principal.api_key.id, limits.KEY_USE)
        asker.principal.require("endpoints.use")
    except Problem as problem:
        raise Refused.of(problem) from None
    finally:
        connection.close()
    return asker


def askable(asker: Asker) -> list[Endpoint]:
    """In the order of their names."""
    try:
        with scope(asker.principal.organisation.id, asker.principal.user.id):
            rows = Endpoint.objects.order_by("name")
            return list(rows.filter(name=asker.only) if asker.only else rows)
    finally:
        connection.close()


def found(organisation_id: UUID, name: str) -> Endpoint:
    """Awake, or about to be. Raises Refused."""
    try:
        with scope(organisation_id):
            endpoint = Endpoint.objects.filter(name=name).first()
            if endpoint is None:
                raise Refused(404, f"There is no endpoint {name!r}.", "model_not_found", "model")
            _note(endpoint)
            if endpoint.mixture is None and endpoint.state != EndpointState.READY:
                _refuse_failed(endpoint)
                endpoint = lifecycle.wake(endpoint.id)
            return endpoint
    finally:
        connection.close()


def now(organisation_id: UUID, endpoint_id: UUID) -> Endpoint | None:
    try:
        with scope(organisation_id):
            return Endpoint.objects.filter(id=endpoint_id).first()
    finally:
        connection.close()


def count(organisation_id: UUID, endpoint_id: UUID, usage: Usage, failed: bool) -> None:
    """Another request of today."""
    try:
        with scope(organisation_id), connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO serving_endpointuse AS use
                    (id, created_at, organisation_id, endpoint_id, day, requests, failed, read, written)
                SELECT gen_random_uuid(), now(), organisation_id, id,
                    (now() AT TIME ZONE 'UTC')::date, 1, %s, %s, %s
                FROM serving_endpoint WHERE id = %s
                ON CONFLICT (endpoint_id, day) DO UPDATE SET
                    requests = use.requests + 1, failed = use.failed + EXCLUDED.failed,
                    read = use.read + EXCLUDED.read, written = use.written + EXCLUDED.written
                """,
                [int(failed), usage.read, usage.written, endpoint_id],
            )
    finally:
        connection.close()


def _note(endpoint: Endpoint) -> None:
    """That somebody asks; not with every request."""
    moment = clock.now()
    stale = Q(asked_at=None) | Q(asked_at__lt=moment - NOTED_EVERY)
    with transaction.atomic():
        Endpoint.objects.filter(stale, id=endpoint.id).update(asked_at=moment)


def _refuse_failed(endpoint: Endpoint) -> None:
    rested = clock.now() - endpoint.since
    if endpoint.state == EndpointState.FAILED and rested < REST:
        left = round((REST - rested).total_seconds())
        raise Refused(503, f"It does not start. {endpoint.trouble}", "failed", retry_after=left)
