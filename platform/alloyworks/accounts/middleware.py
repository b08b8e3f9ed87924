"""Finds out who is asking and opens their organisation's scope around the whole request."""

import time
from collections.abc import Callable
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from alloyworks.accounts import audit, factors, keys, limits
from alloyworks.accounts.models import Membership, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Problem, Unauthenticated
from alloyworks.tenancy import scope

ACTIVE_ORGANISATION = "organisation"  # session key: the id of the organisation last chosen
SEEN = "seen"  # session key: when the list of sessions was told last
SEEN_EVERY = 60  # seconds
View = Callable[[HttpRequest], HttpResponseBase]


class TenantMiddleware:
    """Sets `request.principal` (None for nobody); a response of 400 or above rolls back.

    `request.refusal` is why a key or a person was not let in, said where somebody is needed.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(("/runner/", "/serving/", "/static/")):
            return self.get_response(request)
        principal = None
        try:
            principal = _from_bearer(request) or _from_session(request)
        except Problem as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
        request.principal = principal  # type: ignore[attr-defined]
        if principal is None:
            return self.get_response(request)
        with scope(principal.organisation.id, principal.user.id):
            response = self.get_response(request)
            if response.status_code >= 400:
                transaction.set_rollback(True)
        return response


class SessionsSeen:
    """Keeps the list of a person's sessions: from where each was used last, by the minute."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "Authorization" not in request.headers and request.user.is_authenticated:
            now = time.time()
            if request.session.get(SEEN, 0) < now - SEEN_EVERY:
                request.session[SEEN] = now
                UserSession.objects.create_from_request(request)
        return self.get_response(request)


def _from_bearer(request: HttpRequest) -> Principal | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    address = audit.address_of(request)
    try:
        principal = keys.authenticate(token, address)
    except Unauthenticated:
        limits.count("failed-keys", address, limits.FAILED_KEYS)
        raise
    if principal.api_key is not None:
        limits.count("key", principal.api_key.id, limits.KEY_USE)
    return principal


def _from_session(request: HttpRequest) -> Principal | None:
    user = request.user
    if not isinstance(user, User) or "Authorization" in request.headers:
        return None
    with scope(user=user.id):
        membership = _membership(user, request.session.get(ACTIVE_ORGANISATION))
        if membership is None:
            return None
        organisation = membership.organisation
    factors.refuse_without(user, organisation)
    role = Role(membership.role)
    return Principal(user, organisation, role, address=audit.address_of(request))


def _membership(user: User, organisation: str | None) -> Membership | None:
    mine = Membership.objects.filter(user=user).select_related("organisation").order_by("id")
    wanted = _id(organisation)
    chosen = mine.filter(organisation_id=wanted).first() if wanted else None
    return chosen or mine.first()


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
