"""/v1/…, as OpenAI's libraries ask it. ASGI, beside Django: an answer takes as long as a model takes, and
no thread, connection or transaction waits with it.

    POST /v1/chat/completions   `model` is the name of an endpoint; `stream` as server-sent events
    GET  /v1/models             the endpoints of the key's organisation
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
from asgiref.sync import sync_to_async

from alloyworks.serving import asking, using
from alloyworks.serving.answering import Answering
from alloyworks.serving.models import Endpoint
from alloyworks.serving.protocol import ChatRequest, Json, Refused
from alloyworks.serving.using import Asker, Usage
from alloyworks.wire import App, Receive, Scope, Send

PREFIX = "/v1/"
MOST_BYTES = 8 * 1024**2  # of a request
Headers = dict[bytes, bytes]


class Gateway:
    """ASGI. What is not below /v1/ is the other application's."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return await self._app(scope, receive, send)
        try:
            return await self._serve(scope, receive, send)
        except Refused as refused:
            return await _json(send, refused.status, refused.body, refused.retry_after)

    @property
    def _http(self) -> httpx.AsyncClient:
        """Of the loop that serves."""
        self._client = self._client or asking.client()
        return self._client

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        match scope["method"], scope["path"]:
            case "POST", "/v1/chat/completions":
                asker = await _asker(headers, scope)
                request = ChatRequest.read(await _body(receive))
                if asker.only not in (None, request.model):
                    raise Refused(403, f"This ticket is for {asker.only} alone.", "forbidden")
                return await self._chat(asker, request, receive, send)
            case "GET", "/v1/models":
                asker = await _asker(headers, scope)
                rows = await sync_to_async(using.askable, thread_sensitive=False)(asker)
                return await _json(send, 200, {"object": "list", "data": [_told(e) for e in rows]})
            case method, path:
                raise Refused(404, f"There is no {method} {path}.", "not_found")

    async def _chat(self, asker: Asker, request: ChatRequest, receive: Receive, send: Send) -> None:
        organisation = asker.principal.organisation.id
        find = sync_to_async(using.found, thread_sensitive=False)
        endpoint = await find(organisation, request.model)
        answering = Answering(self._http, organisation, request)
        failed = True
        try:
            await _while_there(receive, _answered(send, endpoint, answering))
            failed = False  # also where nobody wanted the rest
        finally:
            count = sync_to_async(using.count, thread_sensitive=False)
            await count(organisation, endpoint.id, answering.usage, failed)


async def _answered(send: Send, endpoint: Endpoint, answering: Answering) -> None:
    if answering.request.stream:
        return await _streamed(send, endpoint, answering)
    answer = await answering.whole(endpoint)
    told = {"model": endpoint.name, "usage": _usage(answering.usage)}
    return await _json(send, 200, answer | told)


async def _streamed(send: Send, endpoint: Endpoint, answering: Answering) -> None:
    """Begins when the first piece is there, so that what goes wrong before has a status."""
    begun = False
    try:
        async for chunk in answering.pieces(endpoint):
            if not begun:
                await _begin(send, 200, {b"content-type": b"text/event-stream"})
                begun = True
            chunk = {k: v for k, v in chunk.items() if k != "usage"} | {"model": endpoint.name}
            if chunk.get("choices"):
                await _event(send, chunk)
    except Refused as refused:
        if not begun:
            raise
        await _event(send, refused.body)
    else:
        if answering.request.wants_usage:
            await _event(send, _last(endpoint, answering.usage))
        await _piece(send, b"data: [DONE]\n\n")
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _while_there(receive: Receive, work: Awaitable[None]) -> None:
    """Whoever goes away needs no answer."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait({working})
            return
        await working
    finally:
        leaving.cancel()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _asker(headers: Headers, scope: Scope) -> Asker:
    kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() != "bearer" or not token:
        words = "Send an API key as `Authorization: Bearer alloy_…`."
        raise Refused(401, words, "unauthenticated")
    address = (scope.get("client") or (None,))[0]
    find: Callable[..., Awaitable[Asker]]
    find = sync_to_async(using.authenticated, thread_sensitive=False)
    return await find(token, address)


async def _body(receive: Receive) -> Any:
    content = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "The request was cut off.", "cut_off")
        content += message.get("body", b"")
        if len(content) > MOST_BYTES:
            raise Refused(413, f"The request has more than {MOST_BYTES:,} bytes.", "too_large")
        if not message.get("more_body", False):
            break
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.", "invalid") from None


async def _json(send: Send, status: int, body: Json, retry_after: int | None = None) -> None:
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {b"content-type": b"application/json", b"content-length": b"%d" % len(content)}
    if retry_after is not None:
        headers[b"retry-after"] = b"%d" % retry_after
    await _begin(send, status, headers)
    await send({"type": "http.response.body", "body": content})


async def _begin(send: Send, status: int, headers: Headers) -> None:
    told = {b"cache-control": b"no-store", b"x-content-type-options": b"nosniff", **headers}
    await send({"type": "http.response.start", "status": status, "headers": list(told.items())})


async def _event(send: Send, data: Json) -> None:
    await _piece(send, f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode())


async def _piece(send: Send, content: bytes) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": True})


def _last(endpoint: Endpoint, usage: Usage) -> Json:
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": endpoint.name,
        "choices": [],
        "usage": _usage(usage),
    }


def _usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.read,
        "completion_tokens": usage.written,
        "total_tokens": usage.read + usage.written,
    }


def _told(endpoint: Endpoint) -> Json:
    return {
        "id": endpoint.name,
        "object": "model",
        "created": int(endpoint.created_at.timestamp()),
        "owned_by": "alloyworks",
    }
