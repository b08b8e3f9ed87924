"""`/healthz`: this process lives. `/readyz`: it can do its work. Both answer to any Host header.

The database and the storage must answer for a process to be ready. The broker need not: without
it work begins later, when a round finds it, and that is called degraded.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from alloyworks import deployment
from alloyworks.config import config
from alloyworks.embedded import health
from alloyworks.observability.exposition import metrics_page
from alloyworks.storage import objects

SECONDS = 2.0  # for every question; they are asked at once
FRESH = 1.0  # seconds that an answer is good for, however often one asks
Check = Callable[[], None]
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    name: str
    check: Check
    needed: bool


PARTS = (
    Part("database", lambda: health.database(config.database_url), needed=True),
    Part("storage", lambda: objects.look(SECONDS), needed=True),
    Part("broker", lambda: health.broker(config.redis_url), needed=False),
)


class Probes:
    """The first middleware: probes need neither a host name nor the database."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_page}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        page = self.pages.get(request.path)
        return page(request) if page else self.get_response(request)


def healthz(request: HttpRequest) -> HttpResponse:
    """200 from a process that lives; when it does not, it is to be started again."""
    return HttpResponse("ok\n", content_type="text/plain", headers=_name())


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when requests can be served; 503 takes the process out of service for a while."""
    problems = _asked.problems()
    ready = not any(part.needed and problems[part.name] for part in PARTS)
    status = "ok" if not any(problems.values()) else "degraded" if ready else "unavailable"
    parts = {name: "ok" if not problem else "no answer" for name, problem in problems.items()}
    body = {"ready": ready, "status": status, "parts": parts}
    return JsonResponse(body, status=200 if ready else 503, headers=_name())


class _Asked:
    """The latest answers. Whoever asks too soon hears them again."""

    def __init__(self) -> None:
        self._lock, self._at, self._problems = Lock(), float("-inf"), dict[str, str]()
        self._threads = ThreadPoolExecutor(2 * len(PARTS), thread_name_prefix="probe")
        self._running: dict[str, Future[None]] = {}

    def problems(self) -> dict[str, str]:
        """Of every part: what is wrong, or nothing."""
        with self._lock:
            if monotonic() - self._at > FRESH:
                self._problems = self._ask()
                self._at = monotonic()
            return self._problems

    def _ask(self) -> dict[str, str]:
        end = monotonic() + SECONDS + 0.5
        for part in PARTS:
            # A question that hangs is not asked again on top.
            if part.name not in self._running or self._running[part.name].done():
                self._running[part.name] = self._threads.submit(part.check)
        return {part.name: self._answer(part, end) for part in PARTS}

    def _answer(self, part: Part, end: float) -> str:
        try:
            self._running[part.name].result(timeout=max(0.0, end - monotonic()))
        except TooSlow:
            problem = f"no answer within {SECONDS:.0f} s"
        except Exception as error:  # noqa: BLE001  # whatever it is, the part does not work
            problem = f"{type(error).__name__}: {error}"
        else:
            return ""
        _logger.warning("%s: %s", part.name, problem)
        return problem


_asked = _Asked()


def _name() -> dict[str, str]:
    return {deployment.HEADER: deployment.name(settings.SECRET_KEY)}
