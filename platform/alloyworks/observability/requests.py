"""Around every request: its id, its line in the log, its place in the metrics."""

import re
from collections.abc import Callable
from time import perf_counter
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponseBase
from structlog.contextvars import clear_contextvars

from alloyworks.ids import new_id
from alloyworks.observability import logs, metrics

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,127}")
_log = structlog.get_logger("alloyworks.requests")


class Requests:
    """The outermost middleware. A line names the route, not the path: paths may hold secrets."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        begun = perf_counter()
        request_id = _id_of(request)
        clear_contextvars()
        logs.bind(request_id=request_id)
        response = self.get_response(request)
        response.headers[HEADER] = request_id
        self._note(request, response.status_code, perf_counter() - begun)
        clear_contextvars()
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, route: dict[str, object]
    ) -> None:
        """The route's ids (`job_id`, `model_id`, …) stand in all lines of the request."""
        logs.bind(**{name: value for name, value in route.items() if name.endswith("_id")})

    def _note(self, request: HttpRequest, status: int, seconds: float) -> None:
        route, method = route_of(request), request.method or "other"
        metrics.request_answered(route, method, status, seconds)
        if route == "static":
            return
        if principal := getattr(request, "principal", None):
            logs.bind(organisation_id=principal.organisation.id, user_id=principal.user.id)
        level = "error" if status >= 500 else "info"
        milliseconds = round(seconds * 1000, 1)
        getattr(_log, level)("request", route=route, method=method, status=status, ms=milliseconds)


def route_of(request: HttpRequest) -> str:
    """The template of the address, such as `/jobs/<uuid:job_id>/`: few, and without ids."""
    match = getattr(request, "resolver_match", None)
    if match is not None:
        return f"/{match.route}"
    return "static" if request.path.startswith("/static/") else "unmatched"


def _id_of(request: HttpRequest) -> str:
    given = request.headers.get(HEADER, "")
    return given if _WELL_FORMED.fullmatch(given) else new_id().hex
