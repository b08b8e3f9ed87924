"""Bodies that are too large, or hopeless, are not read to their end."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alloyworks.api import bodies
from alloyworks.api.bodies import BoundedBodies
from alloyworks.catalog.ingest.lines import LINE_BYTES
from alloyworks.config import config

UPLOAD = "/api/v1/datasets"
CHUNK = 64 * 1024


class Server:
    """What uvicorn is to the application: hands out chunks, counts them, keeps the answer."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.chunks = iter(chunks)
        self.taken = 0
        self.sent: list[Any] = []
        self.read: bytes | None = None  # what the application got

    async def receive(self) -> dict[str, Any]:
        chunk = next(self.chunks, None)
        if chunk is None:
            return {"type": "http.disconnect"}
        self.taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """As Django: reads all of the body before it answers, then waits for the end."""
        self.read, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            self.read += message["body"]
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})
        assert (await receive())["type"] == "http.disconnect"

    def ask(self, path: str = UPLOAD, length: int | None = 1) -> int:
        headers = [] if length is None else [(b"content-length", str(length).encode())]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        asyncio.run(BoundedBodies(self.app)(scope, self.receive, self.send))
        return int(self.sent[0]["status"])

    def problem(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sent[1]["body"])
        return found


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "upload_max_bytes", 8 * 1024**2)


def lines(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes * 16):
        yield b"x" * (CHUNK - 1) + b"\n"


def test_an_upload_within_the_limit_is_passed_on_whole() -> None:
    server = Server(lines(8))

    assert server.ask() == 200
    assert server.read == b"".join(lines(8))


def test_a_declared_length_that_is_too_large_is_refused_unread() -> None:
    server = Server(lines(9))

    assert server.ask(length=9 * 1024**2) == 413
    assert (server.taken, server.read) == (0, None)
    assert "8,388,608 bytes" in server.problem()["detail"]


def test_an_upload_without_a_length_is_refused_unread() -> None:
    server = Server(lines(1))

    assert server.ask(length=None) == 400
    assert (server.taken, "Content-Length" in server.problem()["detail"]) == (0, True)


def test_a_body_is_counted_whatever_length_it_declares() -> None:
    server = Server(lines(1000))

    assert server.ask() == 413
    assert server.taken <= config.upload_max_bytes + 2 * CHUNK


def test_of_a_line_without_end_only_as_much_is_passed_on_as_shows_it() -> None:
    ends = [b"x\r\n--bound", b"--\r\n", b"y" * CHUNK + b"\n", b"z\n"]
    server = Server([b"head\n", *[b"x" * CHUNK] * 100, *ends])

    assert server.ask() == 200
    head, line, *rest = (server.read or b"").split(b"\n")
    assert (head, set(line)) == (b"head", set(b"x"))
    assert LINE_BYTES < len(line) < LINE_BYTES + 3 * CHUNK
    assert rest == [b"--bound--\r", b"y" * CHUNK, b"z", b""]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 3 * CHUNK), max_size=8), st.integers(1, 2 * CHUNK))
def test_a_form_of_ordinary_lines_is_passed_on_byte_for_byte(sizes: list[int], cut: int) -> None:
    whole = b"\n".join(b"x" * size for size in sizes)
    server = Server(whole[at : at + cut] for at in range(0, len(whole), cut))

    server.ask()

    assert server.read == whole


def test_other_requests_are_bounded_more_tightly() -> None:
    length = bodies._OTHERS + 1
    server = Server([])

    assert server.ask("/api/v1/jobs", length) == 413
    assert server.problem()["type"] == "/problems/too-large"


def test_long_lines_matter_in_uploads_alone() -> None:
    server = Server([b"x" * CHUNK] * 40)

    assert server.ask("/runner/v1/events") == 200
    assert len(server.read or b"") == 40 * CHUNK


@pytest.mark.parametrize("length", [b"", b"-1", b"1e9", b"\xb2"])
def test_a_length_that_is_no_number_is_left_to_the_server(length: bytes) -> None:
    assert bodies._declared({"headers": [(b"content-length", length)]}) is None
