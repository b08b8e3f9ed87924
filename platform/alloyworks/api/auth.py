"""How a request to the API shows who sent it; the middleware has found the principal already."""

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from alloyworks.accounts.principal import Principal
from alloyworks.errors import Forbidden


class ApiKey(HttpBearer):
    """`Authorization: Bearer alloy_…`"""

    def authenticate(self, request: HttpRequest, token: str) -> Principal | None:
        return _principal(request)


class Session(APIKeyCookie):
    """A browser's session. Whatever changes something needs the CSRF token as well."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Principal | None:
        if _principal(request) is None or "Authorization" in request.headers:
            return None
        if check_csrf(request) is not None:
            raise Forbidden("The X-CSRFToken header is missing or wrong; reload the page.")
        return _principal(request)

    def authenticate(self, request: HttpRequest, key: str | None) -> Principal | None:
        return _principal(request)


def _principal(request: HttpRequest) -> Principal | None:
    return getattr(request, "principal", None)
