"""Makes the world match the rows: launches what wakes, notices what is ready, idle or dead."""

import logging
from datetime import timedelta
from uuid import UUID

import httpx
from django.db import connection

from alloyworks.jobs import clock
from alloyworks.serving import lifecycle
from alloyworks.serving.launchers import Full, launcher
from alloyworks.serving.models import Endpoint, EndpointState
from alloyworks.tenancy import scope

LONGEST_WAKING = timedelta(minutes=30)  # a large model is fetched and loaded
PROBE_SECONDS = 2.0
_logger = logging.getLogger(__name__)


def look_at_all() -> None:
    """Every endpoint that is awake, of every organisation; then servers that nobody wants any more."""
    wanted = set[tuple[UUID, int]]()
    for endpoint_id, organisation_id in awake():
        try:
            if endpoint := _step(endpoint_id, organisation_id):
                wanted.add((endpoint.id, endpoint.launch))
        except Exception:
            # One endpoint's trouble must not keep the others from waking; its server is left alone.
            _logger.exception("The look at endpoint %s failed", endpoint_id)
            wanted |= {one for one in launcher().running() if one[0] == endpoint_id}
    for endpoint_id, launch in launcher().running():
        if (endpoint_id, launch) not in wanted:
            launcher().end(endpoint_id, launch)


def awake() -> list[tuple[UUID, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT endpoint_id, organisation_id FROM alloy_endpoints_awake()")
        return list(cursor.fetchall())


def _step(endpoint_id: UUID, organisation_id: UUID) -> Endpoint | None:
    """The endpoint, if its server is to stay."""
    with scope(organisation_id):
        endpoint = Endpoint.objects.filter(id=endpoint_id).first()
    if endpoint is None or endpoint.mixture is not None:
        return None
    if endpoint.state == EndpointState.WAKING:
        _bring_up(endpoint, organisation_id)
    elif endpoint.state == EndpointState.READY:
        if _is_idle(endpoint):
            with scope(organisation_id):
                lifecycle.sleep(endpoint.id)
            return None
        _check(endpoint, organisation_id)
    return endpoint


def _bring_up(endpoint: Endpoint, organisation_id: UUID) -> None:
    if not endpoint.handle:
        try:
            handle, address = launcher().launch(endpoint)
        except Full:
            _make_room(endpoint)
            return
        with scope(organisation_id):
            lifecycle.launched(endpoint, handle, address)
        return
    if not launcher().alive(endpoint):
        why = launcher().why_gone(endpoint)
        with scope(organisation_id):
            lifecycle.died(endpoint, why)
    elif answers(endpoint.address):
        with scope(organisation_id):
            lifecycle.ready(endpoint)
    elif clock.now() - endpoint.since > LONGEST_WAKING:
        with scope(organisation_id):
            lifecycle.died(endpoint, "The server did not get ready within half an hour.")


def _check(endpoint: Endpoint, organisation_id: UUID) -> None:
    if not launcher().alive(endpoint):
        why = launcher().why_gone(endpoint)
        with scope(organisation_id):
            lifecycle.died(endpoint, why)


def _is_idle(endpoint: Endpoint) -> bool:
    if not endpoint.idle_minutes:
        return False
    last = max(endpoint.asked_at or endpoint.since, endpoint.since)
    return clock.now() - last > timedelta(minutes=endpoint.idle_minutes)


def _make_room(newcomer: Endpoint) -> None:
    """The one that nobody has asked for longest goes to sleep, if it was not asked just now."""
    others = list[tuple[Endpoint, UUID]]()
    for endpoint_id, organisation_id in awake():
        with scope(organisation_id):
            found = Endpoint.objects.filter(id=endpoint_id, state=EndpointState.READY).first()
        if found and found.mixture is None and found.id != newcomer.id:
            others.append((found, organisation_id))
    if not others:
        return
    longest, organisation_id = min(others, key=lambda pair: pair[0].asked_at or pair[0].since)
    if clock.now() - (longest.asked_at or longest.since) > timedelta(seconds=30):
        with scope(organisation_id):
            lifecycle.sleep(longest.id)


def answers(address: str) -> bool:
    """Whether a server is ready for requests."""
    try:
        return httpx.get(f"{address}/health", timeout=PROBE_SECONDS).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
