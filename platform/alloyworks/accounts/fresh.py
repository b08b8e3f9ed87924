"""Dangerous acts are done by somebody who has shown in the last minutes that it is them.

That is: keys and owners made, second factors changed, the organisation's demands changed. A key
shows who it is with every request; a browser's session may have been left open.
"""

import time

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest

from alloyworks.accounts.principal import Principal
from alloyworks.errors import Forbidden

LASTS = 300  # seconds


class SignInTooOld(Forbidden):
    """Asked of browsers that call the API; pages ask for the password instead."""

    type, title = "sign-in-too-old", "Confirm that it is you"


def require(request: HttpRequest) -> None:
    """Raises SignInTooOld for the API; for pages what makes allauth ask, and then go on."""
    principal: Principal | None = getattr(request, "principal", None)
    if (principal is not None and principal.api_key is not None) or lately(request):
        return
    refuse_who_signs_in_elsewhere(request)
    if request.path.startswith("/api/"):
        raise SignInTooOld("Confirm that it is you on the page /accounts/reauthenticate/.")
    raise ReauthenticationRequired


def lately(request: HttpRequest) -> bool:
    """By any means: a password, a factor, single sign-on."""
    shown = get_authentication_records(request, request.user)
    return any(time.time() - record["at"] < LASTS for record in shown)


def refuse_who_signs_in_elsewhere(request: HttpRequest) -> None:
    """Whoever has neither password nor factor here has nothing that we could ask for."""
    if not get_adapter().get_reauthentication_methods(request.user):
        raise SignInTooOld(
            "Sign out, sign in again by single sign-on, and do this in the five minutes after."
        )
