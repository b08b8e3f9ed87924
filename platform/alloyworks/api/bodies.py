"""Stops a request's body before it fills the disk: Django reads all of it before anything else."""

import json

from alloyworks.api.problems import MEDIA_TYPE, TOO_BIG
from alloyworks.catalog.ingest.lines import LINE_BYTES
from alloyworks.config import config
from alloyworks.errors import BadRequest, Problem, TooLarge
from alloyworks.wire import App, Message, Receive, Scope, Send

UPLOADS = {"/api/v1/datasets", "/datasets/new/"}
NO_LENGTH = BadRequest("Send the upload with a Content-Length; chunked ones are not read.")
_AROUND = 64 * 1024  # what multipart adds to a file
_OTHERS = 16 * 1024**2  # Django itself refuses these at 2 MiB


class _TooMuch(Exception):
    """More came than the request may hold."""


class BoundedBodies:
    """ASGI: answers 413 to a body that is too large, and reads no further.

    Of a line in an upload that is longer than any dataset may hold, the rest is not passed on:
    whoever reads the file meets the line and says which.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = _Body(receive, upload=scope["path"] in UPLOADS)
        length = _declared(scope)
        if body.upload and scope["method"] == "POST" and length is None:
            return await _answer(NO_LENGTH, send)
        if (length or 0) > body.limit:
            return await _answer(body.problem(), send)
        try:
            return await self.app(scope, body.receive, send)
        except _TooMuch:
            return await _answer(body.problem(), send)


class _Body:
    """The body on its way in."""

    def __init__(self, receive: Receive, *, upload: bool) -> None:
        self._receive, self.upload = receive, upload
        self.limit = config.upload_max_bytes + _AROUND if upload else _OTHERS
        self.size = self.line = 0

    async def receive(self) -> Message:
        message = await self._receive()
        chunk = message.get("body", b"")
        self.size += len(chunk)
        if self.size > self.limit:
            raise _TooMuch
        return {**message, "body": self._shortened(chunk)} if self.upload and chunk else message

    def problem(self) -> Problem:
        if not self.upload:
            return TOO_BIG
        return TooLarge(f"The file is larger than {config.upload_max_bytes:,} bytes; divide it.")

    def _shortened(self, chunk: bytes) -> bytes:
        """Without what lies beyond the bound of a line; the line's end stays."""
        if self.line > LINE_BYTES + _AROUND:
            end = chunk.find(b"\n")
            chunk = chunk[end:] if end >= 0 else b""
        newline = chunk.rfind(b"\n")
        self.line = len(chunk) - newline - 1 + (self.line if newline < 0 else 0)
        return chunk


def _declared(scope: Scope) -> int | None:
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else None


async def _answer(problem: Problem, send: Send) -> None:
    content = json.dumps(problem.body()).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
