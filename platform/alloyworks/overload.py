"""Answers more requests than can be served with 503 at once, instead of letting all of them wait.

A request counts from when all of it has come: who sends slowly holds a socket and nothing else.
Streams count apart, because they are open for hours; so does what waits for a model's answer. Probes are
answered always.
"""

import asyncio
import json
from contextlib import nullcontext
from typing import ClassVar

from alloyworks.api.problems import MEDIA_TYPE
from alloyworks.config import config
from alloyworks.errors import Problem
from alloyworks.wire import App, Message, Receive, Scope, Send

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
BODY_SECONDS = 30.0  # of silence in the middle of a body


class Busy(Problem):
    """503, and soon it may be otherwise."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "busy"
    title: ClassVar[str] = "Too much is asked at once"


class Silent(Problem):
    status: ClassVar[int] = 408
    type: ClassVar[str] = "silent"
    title: ClassVar[str] = "The rest of the request did not come"


class Overload:
    """ASGI, outermost."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.open = {"requests": 0, "streams": 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            return await self.app(scope, receive, send)
        request = _Request(self.open, scope, receive)
        try:
            return await self.app(scope, request.receive, send)
        except (Busy, Silent) as problem:
            return await _answer(problem, send)
        finally:
            request.leave()


class _Request:
    """One request, which takes its place when its body is complete."""

    def __init__(self, places: dict[str, int], scope: Scope, receive: Receive) -> None:
        self._open, self._receive = places, receive
        long = scope["path"].endswith("/stream") or scope["path"].startswith("/v1/")
        self.kind = "streams" if long else "requests"
        self.awaits_body = _has_body(scope)
        self.complete = self.inside = False

    async def receive(self) -> Message:
        if self.complete:  # what comes now is that the reader has gone
            return await self._receive()
        try:
            async with asyncio.timeout(BODY_SECONDS) if self.awaits_body else nullcontext():
                message = await self._receive()
        except TimeoutError:
            raise Silent(
                f"Nothing came for {BODY_SECONDS:.0f} s; send the request again."
            ) from None
        if not message.get("more_body", False):
            self.complete = True
            self._enter()
        return message

    def _enter(self) -> None:
        limit = config.max_streams if self.kind == "streams" else config.max_requests
        if self._open[self.kind] >= limit:
            raise Busy(f"{limit} {self.kind} are open; try again in a moment.")
        self._open[self.kind] += 1
        self.inside = True

    def leave(self) -> None:
        if self.inside:
            self._open[self.kind] -= 1


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


async def _answer(problem: Problem, send: Send) -> None:
    content = json.dumps(problem.body()).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", b"%d" % len(content)),
        (b"retry-after", b"2"),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
