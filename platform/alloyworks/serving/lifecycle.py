"""How an endpoint lives: every change of its state is one function here.

    asleep -> waking -> ready -> asleep      somebody asked; it answers; nobody asks any more
    waking -> failed -> waking               its server died three times; somebody asks again, later
    ready  -> waking                         its server died

Each function locks the row first, so that of two who come at once the second finds the new state.
"""

from uuid import UUID

from django.db import transaction

from alloyworks.accounts.keys import hashed
from alloyworks.jobs import clock
from alloyworks.serving.models import Endpoint, EndpointState
from alloyworks.serving.tokens import token_of

TRIES = 3
_STATE = ["state", "since"]


def locked(endpoint_id: UUID) -> Endpoint:
    return Endpoint.objects.select_for_update().get(id=endpoint_id)


def wake(endpoint_id: UUID) -> Endpoint:
    """Whoever asks does it; twice is harmless."""
    with transaction.atomic():
        found = locked(endpoint_id)
        if found.state in (EndpointState.ASLEEP, EndpointState.FAILED):
            found.tries = 0
            _launch_anew(found)
        return found


def launched(endpoint: Endpoint, handle: dict[str, object], address: str) -> None:
    """Its server was started."""
    with transaction.atomic():
        now = locked(endpoint.id)
        if now.launch == endpoint.launch and now.state == EndpointState.WAKING:
            now.handle, now.address = handle, address
            now.save(update_fields=["handle", "address"])


def ready(endpoint: Endpoint) -> None:
    """It answers."""
    with transaction.atomic():
        now = locked(endpoint.id)
        if now.launch == endpoint.launch and now.state == EndpointState.WAKING:
            now.tries, now.trouble = 0, ""
            _become(now, EndpointState.READY, "tries", "trouble")


def died(endpoint: Endpoint, trouble: str) -> None:
    """Its server is gone: another one, but not for ever."""
    with transaction.atomic():
        now = locked(endpoint.id)
        if now.launch != endpoint.launch or now.state not in (
            EndpointState.WAKING,
            EndpointState.READY,
        ):
            return
        now.tries += 1
        now.trouble = trouble[:1000]
        if now.tries >= TRIES:
            _become(now, EndpointState.FAILED, "tries", "trouble")
        else:
            _launch_anew(now)


def fail(endpoint: Endpoint, trouble: str) -> None:
    """It can't be served, now or later."""
    with transaction.atomic():
        now = locked(endpoint.id)
        if now.launch == endpoint.launch:
            now.trouble = trouble[:1000]
            _become(now, EndpointState.FAILED, "trouble")


def sleep(endpoint_id: UUID) -> Endpoint:
    """The next round ends its server."""
    with transaction.atomic():
        found = locked(endpoint_id)
        if found.state != EndpointState.ASLEEP:
            found.launch += 1  # whatever runs is of an earlier launch
            found.handle, found.address, found.secret_hash = {}, "", ""
            _become(found, EndpointState.ASLEEP, "launch", "handle", "address", "secret_hash")
        return found


def _launch_anew(endpoint: Endpoint) -> None:
    endpoint.launch += 1
    endpoint.secret_hash = hashed(token_of(endpoint.id, endpoint.launch))
    endpoint.handle, endpoint.address = {}, ""
    changed = ("launch", "secret_hash", "handle", "address", "tries", "trouble")
    _become(endpoint, EndpointState.WAKING, *changed)


def _become(endpoint: Endpoint, state: EndpointState, *changed: str) -> None:
    endpoint.state, endpoint.since = state, clock.now()
    endpoint.save(update_fields=[*_STATE, *changed])
