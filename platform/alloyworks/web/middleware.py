"""What holds for every page: where its parts may come from, and how it says problems."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from alloyworks.accounts.factors import SecondFactorMissing
from alloyworks.config import config
from alloyworks.errors import Problem, Unauthenticated


def policy(issuer: str | None) -> str:
    """Everything comes from this deployment, and nothing inline runs.

    Forms may lead on to the provider of single sign-on: browsers hold the redirects of forms
    against the policy as well.
    """
    parts = urlsplit(issuer or "")
    provider = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        f"form-action 'self'{provider}; frame-ancestors 'none'"
    )


POLICY = policy(config.oidc_issuer)
MACHINES = ("/api/", "/runner/")


class ContentSecurityPolicy:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class ProblemPages:
    """A problem that a page's view raises becomes a page; who is unknown signs in first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Problem) or request.path.startswith(MACHINES):
            return None
        if isinstance(exception, Unauthenticated) and not request.user.is_authenticated:
            return _to_sign_in(request)
        if isinstance(exception, SecondFactorMissing):
            messages.error(request, exception.detail)
            return redirect("mfa_index")
        answer = render(request, "problem.html", {"problem": exception}, status=exception.status)
        for name, value in exception.headers().items():
            answer[name] = value
        return answer


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """And back afterwards, where the page can be asked for again."""
    back = f"?{urlencode({'next': request.get_full_path()})}" if request.method == "GET" else ""
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": settings.LOGIN_URL})
    return redirect(f"{settings.LOGIN_URL}{back}")
