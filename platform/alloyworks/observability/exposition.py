"""`/metrics`: all processes' counts, and the queue as it is at this moment."""

import hmac
import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from alloyworks.config import config
from alloyworks.jobs import pulse
from alloyworks.observability import metrics

_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_logger = logging.getLogger(__name__)
_GAUGES = {
    "jobs": ("alloy_jobs", "Unfinished jobs", ["state", "kind"]),
    "oldest_queued": ("alloy_oldest_queued_seconds", "Age of the oldest job that may start", []),
    "heartbeat_age": ("alloy_heartbeat_age_seconds", "Of the quietest open attempt", []),
    "messages": ("alloy_messages_pending", "Webhooks and mails that wait", ["kind"]),
    "oldest_due": ("alloy_oldest_due_seconds", "How late the oldest message is", ["kind"]),
}


def metrics_page(request: HttpRequest) -> HttpResponse:
    """For who has the token, or without one for this machine; 404 for everybody else."""
    if not _may_read(request.META):
        return HttpResponse("There is no such thing.\n", status=404, content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def exposition(*, with_figures: bool = True) -> bytes:
    """Prometheus' text."""
    registry = CollectorRegistry()
    if metrics.FOLDER.exists():
        MultiProcessCollector(registry, path=str(metrics.FOLDER))  # type: ignore[no-untyped-call]
    if with_figures:
        registry.register(_Figures())
    return generate_latest(registry)


class _Figures:
    """Asks the database when it is read."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("alloy_database_up", "Whether the database answers")
        try:
            yield from _gauges(_figures())
            yield from _age()
            up.add_metric([], 1)
        except Error:
            _logger.exception("The figures could not be read")
            up.add_metric([], 0)
        yield up


def _age() -> Iterator[Metric]:
    age = pulse.age(pulse.RECONCILER)
    if age is not None:
        words = "Since beat, broker and worker last did something together"
        yield GaugeMetricFamily("alloy_reconciler_age_seconds", words, value=age)


def _figures() -> list[tuple[str, str, str, float | None]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT figure, first, second, value FROM alloy_figures()")
        return list(cursor.fetchall())


def _gauges(rows: Iterable[tuple[str, str, str, float | None]]) -> Iterator[Metric]:
    found = {
        figure: GaugeMetricFamily(name, words, labels=labels)
        for figure, (name, words, labels) in _GAUGES.items()
    }
    for figure, first, second, value in rows:
        labels = [first, second][: len(_GAUGES[figure][2])]
        found[figure].add_metric(labels, max(0.0, value or 0.0))  # nothing waits: no age
    yield from found.values()


def _may_read(meta: dict[str, str]) -> bool:
    if config.metrics_token:
        given = meta.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), config.metrics_token.get_secret_value().encode())
    # A proxy on this machine is no reason to tell the world: it says for whom it asks.
    proxied = any(name in meta for name in _FORWARDED)
    host = meta.get("HTTP_HOST", "").lower().rsplit(":", 1)
    local_host = meta.get("HTTP_HOST", "").lower() in _LOCAL or host[0] in _LOCAL
    return _is_loopback(meta.get("REMOTE_ADDR", "")) and local_host and not proxied


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def serve_beside(port: int) -> None:
    """The counts of a worker's processes: on this machine, or with a token on all addresses."""

    def app(meta: dict[str, str], start: Callable[..., object]) -> list[bytes]:
        if meta.get("PATH_INFO") != "/metrics" or not _may_read(meta):
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"There is no such thing.\n"]
        start("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
        return [exposition(with_figures=False)]

    host = "0.0.0.0" if config.metrics_token else "127.0.0.1"  # noqa: S104  # behind the token
    server = make_server(host, port, app, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Scrapes are not worth a line."""
