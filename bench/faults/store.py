"""An object store behind a proxy that lets some requests fail, as stores under load do.

Every request has a connection of its own, so that each can meet its own fate: an answer 503, an answer
that breaks off in the middle, or none of our business.
"""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from alloyworks.embedded import processes, services, state
from alloyworks.embedded.ports import HOST
from alloyworks.embedded.state import State

_WORDS = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s"
) % (len(_WORDS), _WORDS)
_PIECE, _HEAD = 1 << 16, 1 << 16  # bytes


@dataclass
class Store:
    """How many of its requests fail; shares from 0 to 1."""

    upstream: int  # port
    chance: random.Random
    busy: float = 0.0
    cut: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)

    async def serve(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """One request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await client.readuntil(b"\r\n\r\n")
            fate = self.chance.random()
            if fate < self.busy:
                self.struck["503 of storage"] += 1
                answer.write(BUSY)
            else:
                await self._pass(head, client, answer, fate < self.busy + self.cut)
        answer.close()

    async def _pass(
        self, head: bytes, client: asyncio.StreamReader, answer: asyncio.StreamWriter, cut: bool
    ) -> None:
        store, sink = await asyncio.open_connection(HOST, self.upstream)
        first, _, rest = head.partition(b"\r\n")
        kept = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        sink.write(b"\r\n".join([first, b"Connection: close", *kept]))
        sending = asyncio.create_task(_pipe(client, sink))
        try:
            limit = self.chance.randrange(1, 4 * _PIECE) if cut else None
            if await _pipe(store, answer, limit):
                self.struck["answer of storage cut off"] += 1
                answer.transport.abort()
        finally:
            sending.cancel()
            sink.close()


async def _pipe(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, limit: int | None = None
) -> bool:
    """Whether there was more than the limit allowed."""
    passed = 0
    while piece := await source.read(_PIECE):
        passed += len(piece)
        if limit is not None and passed > limit:
            sink.write(piece[: len(piece) - (passed - limit)])
            return True
        sink.write(piece)
        await sink.drain()
    return False


@contextmanager
def store(folder: Path, chance: random.Random) -> Iterator[tuple[Store, dict[str, str]]]:
    """The proxy, and the ALLOY_… variables of a stack that uses it."""
    ours = State(folder)
    ours.prepare()
    ours.choose_ports(web=None)
    service = services.object_store(ours)
    environment = state.environment(ours, {})
    running = processes.spawn(
        service.command, {**environment, **service.extra}, ours.log("s3"), service.stops_by
    )
    proxy = Store(ours.ports()["s3"], chance)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asked = asyncio.start_server(proxy.serve, HOST, 0, limit=_HEAD)
        server = asyncio.run_coroutine_threadsafe(asked, loop).result()
        port = server.sockets[0].getsockname()[1]
        names = ("ACCESS_KEY", "SECRET_KEY", "BUCKET")
        given = {f"ALLOY_S3_{name}": environment[f"ALLOY_S3_{name}"] for name in names}
        yield proxy, given | {"ALLOY_S3_ENDPOINT_URL": f"http://{HOST}:{port}"}
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        running.terminate()
        running.wait()
