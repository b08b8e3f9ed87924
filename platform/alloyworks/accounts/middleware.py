"""Finds out who is asking and opens their organisation's scope around the whole request."""

from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from alloyworks.accounts import keys
from alloyworks.accounts.models import Membership, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope

ACTIVE_ORGANISATION = "organisation"  # session key: the id of the organisation last chosen


class TenantMiddleware:
    """Sets `request.principal` (None for nobody); a response of 400 or above rolls back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(("/runner/", "/static/")):
            return self.get_response(request)
        principal = _from_bearer(request) or _from_session(request)
        request.principal = principal  # type: ignore[attr-defined]
        if principal is None:
            return self.get_response(request)
        with scope(principal.organisation.id, principal.user.id):
            response = self.get_response(request)
            if response.status_code >= 400:
                transaction.set_rollback(True)
        return response


def _from_bearer(request: HttpRequest) -> Principal | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return keys.authenticate(token) if scheme.lower() == "bearer" else None


def _from_session(request: HttpRequest) -> Principal | None:
    user = request.user
    if not isinstance(user, User) or "Authorization" in request.headers:
        return None
    with scope(user=user.id):
        membership = _membership(user, request.session.get(ACTIVE_ORGANISATION))
        if membership is None:
            return None
        return Principal(user, membership.organisation, Role(membership.role))


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
