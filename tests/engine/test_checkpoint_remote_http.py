"""The connections to storage, tried on a server that does as it is told."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import numpy as np
import pytest

from alloyengine.checkpoint.remote_http import Storage


class Server(ThreadingHTTPServer):
    """Notes what it is asked for, and over how many connections."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.connections = 0
        self.missing = 0  # bytes that an answer promises and does not have
        self.status = 206

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file?secret"

    def handle_error(self, *_) -> None: ...


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * (1000 - self.server.missing))
        self.close_connection = bool(self.server.missing)

    def do_PUT(self) -> None:
        if self.server.status >= 400:  # without reading the body
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", f'"{len(body)}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def storage() -> Iterator[Storage]:
    made = Storage(timeout=5)
    yield made
    made.close()


def read(storage: Storage, url: str, size: int = 1000) -> bytes:
    target = np.empty(size, np.uint8)
    storage.get(url, 0, target, examine=lambda headers: None)
    return target.tobytes()


def test_one_connection_serves_many_requests(server, storage):
    assert {read(storage, server.url) for _ in range(5)} == {b"x" * 1000}
    assert server.connections == 1


def test_a_part_is_put_and_its_etag_known(server, storage):
    assert storage.put(server.url, np.zeros(70_000, np.uint8)) == '"70000"'


def test_a_refusal_leaves_the_connection_of_use_and_keeps_the_url_secret(server, storage):
    server.status = 503
    with pytest.raises(httpx.HTTPStatusError) as refused:
        read(storage, server.url)
    server.status = 206
    read(storage, server.url)
    assert refused.value.response.status_code == 503
    assert "secret" not in f"{refused.value} {refused.value.request.url}"
    assert server.connections == 1


def test_an_answer_that_ends_early_is_an_error_that_may_pass(server, storage):
    server.missing = 10
    with pytest.raises(httpx.TransportError):
        read(storage, server.url)


def test_a_part_that_is_refused_before_its_end_is_told_as_refused(server, storage):
    server.status = 403
    with pytest.raises(httpx.HTTPStatusError, match="status 403"):
        storage.put(server.url, np.zeros(3_000_000, np.uint8))


def test_what_is_left_unread_costs_the_connection(server, storage):
    assert read(storage, server.url, size=10) == b"x" * 10
    assert read(storage, server.url) == b"x" * 1000
    assert server.connections == 2


def test_a_server_that_is_gone_is_an_error_that_may_pass(server, storage):
    server.shutdown()
    server.server_close()
    with pytest.raises(httpx.TransportError, match="ConnectionRefusedError"):
        read(storage, server.url)


def test_a_proxy_of_the_machine_is_used(server, storage, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    assert read(storage, "http://storage.example/file?x=1") == b"x" * 1000
    assert server.asked == ["http://storage.example/file?x=1"]


def test_no_proxy_is_used_where_none_is_wanted(server, storage, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    read(storage, server.url)
    assert server.asked == ["/file?secret"]
