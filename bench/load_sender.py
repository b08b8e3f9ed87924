"""Sends one HTTP request again and again, at a fixed rate, and notes when it was answered.

An open loop: a slow answer does not hold the next request back (Tene, "How NOT to measure latency").
Plain sockets and asyncio, so that the sender takes little from the platform beside it.
"""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECTIONS = 64
PATIENCE = 30.0  # seconds
BROKEN = 0  # instead of a status: no answer came


@dataclass(frozen=True)
class Sent:
    at: float  # when it was due, time.perf_counter()
    seconds: float  # from then to the answer's end
    status: int


def send(url: str, request: bytes, rate: float, seconds: float) -> list[Sent]:
    return asyncio.run(_send(url, request, rate, seconds))


async def _send(url: str, request: bytes, rate: float, seconds: float) -> list[Sent]:
    place = urlsplit(url)
    due: asyncio.Queue[float | None] = asyncio.Queue()
    found: list[Sent] = []
    lines = [
        asyncio.create_task(_line(str(place.hostname), place.port or 80, request, due, found))
        for _ in range(CONNECTIONS)
    ]
    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        at = begun + number / rate
        await asyncio.sleep(at - time.perf_counter())
        due.put_nowait(at)
    for _ in lines:
        due.put_nowait(None)
    await asyncio.gather(*lines)
    return found


async def _line(
    host: str, port: int, request: bytes, due: "asyncio.Queue[float | None]", found: list[Sent]
) -> None:
    """One connection, opened again when it breaks."""
    reader = writer = None
    while (at := await due.get()) is not None:
        status = BROKEN
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection(host, port)
            writer.write(request)
            assert reader is not None
            status = await asyncio.wait_for(_answer(reader), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            if writer is not None:
                writer.close()
            reader = writer = None
        found.append(Sent(at, time.perf_counter() - at, status))
    if writer is not None:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status, once the body has come too."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split(" ", 2)[1])
    length = next(
        (int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), None
    )
    if length is not None:
        await reader.readexactly(length)
        return status
    while size := int((await reader.readuntil(b"\r\n")).strip() or b"0", 16):
        await reader.readexactly(size + 2)
    await reader.readexactly(2)
    return status
