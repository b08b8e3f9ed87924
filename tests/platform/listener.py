"""A receiver of webhooks on the loopback, and settings that let it be reached."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from alloyworks import outbound
from alloyworks.config import config

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Listener:
    """Keeps what came, and answers with `reply`, byte for byte."""

    reply: bytes = OK
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    port: int = 0
    hold: threading.Event = field(default_factory=threading.Event)  # cleared: nobody is answered

    def __post_init__(self) -> None:
        self.hold.set()

    def headers(self, number: int = -1) -> dict[str, str]:
        lines = self.requests[number].split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    def body(self, number: int = -1) -> bytes:
        return self.requests[number].split(b"\r\n\r\n", 1)[1]


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[Listener]:
    found = Listener()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            found.connections += 1
            self.request.settimeout(5)
            found.requests.append(_read(self.request))
            found.hold.wait(20)
            with contextlib.suppress(OSError):  # it may have gone meanwhile
                self.request.sendall(found.reply)

    with socketserver.ThreadingTCPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        found.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def _read(connection) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def open_for(patch: pytest.MonkeyPatch, port: int) -> None:
    """As an operator opens the loopback: http, this port, this network."""
    patch.setattr(config, "webhook_allow_http", True)
    patch.setattr(config, "webhook_ports", str(port))
    patch.setattr(config, "webhook_networks", "127.0.0.0/8")


def names(patch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A resolver of our own: answers in turn, the last for ever; returns the names asked for."""
    asked: list[str] = []

    def lookup(host: str) -> list[str]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        if not found:
            raise OSError("NXDOMAIN")
        return found

    patch.setattr(outbound, "lookup", lookup)
    return asked
