"""A request of somebody, answered by an endpoint: awake it is asked, asleep it is woken first.

A mixture asks its agents, layer after layer, and its aggregator last (alloyengine.spec.mixture).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

import httpx
from asgiref.sync import sync_to_async

from alloyengine.spec.mixture import informed
from alloyworks.config import config
from alloyworks.serving import asking, using
from alloyworks.serving.models import Endpoint, EndpointState
from alloyworks.serving.protocol import ChatRequest, Json, Refused
from alloyworks.serving.using import Usage

_PAUSE = 0.3  # seconds between two looks at one that wakes
Messages = list[dict[str, str]]


@dataclass
class Answering:
    """One request. `usage` grows while it is answered."""

    http: httpx.AsyncClient
    organisation_id: UUID
    request: ChatRequest
    usage: Usage = field(default_factory=Usage)

    async def whole(self, endpoint: Endpoint) -> Json:
        """Raises Refused."""
        last, messages = await self._prepared(endpoint)
        return await self._whole(last, messages)

    async def pieces(self, endpoint: Endpoint) -> AsyncIterator[Json]:
        """Raises Refused, also in the middle."""
        last, messages = await self._prepared(endpoint)
        address = await self._awake(last)
        async for chunk in asking.pieces(self.http, address, self.request.asks(messages, True)):
            self.usage += asking.usage_of(chunk)
            yield chunk

    async def _prepared(self, endpoint: Endpoint) -> tuple[Endpoint, Messages]:
        """Who answers in the end, and what it is asked."""
        messages = [message.plain() for message in self.request.messages]
        if endpoint.mixture is None:
            return endpoint, messages
        told = messages
        for layer in endpoint.mixture["layers"]:
            said = await asyncio.gather(*(self._said(name, told) for name in layer))
            told = list(informed(messages, said))
        return await self._found(endpoint.mixture["aggregator"]), told

    async def _said(self, name: str, messages: Messages) -> str:
        return asking.text_of(await self._whole(await self._found(name), messages))

    async def _whole(self, endpoint: Endpoint, messages: Messages) -> Json:
        address = await self._awake(endpoint)
        answer = await asking.whole(self.http, address, self.request.asks(messages, False))
        self.usage += asking.usage_of(answer)
        return answer

    async def _found(self, name: str) -> Endpoint:
        look = sync_to_async(using.found, thread_sensitive=False)
        return await look(self.organisation_id, name)

    async def _awake(self, endpoint: Endpoint) -> str:
        """Where it is reached, once it answers. Raises Refused."""
        look = sync_to_async(using.now, thread_sensitive=False)
        until = time.monotonic() + config.endpoint_wake_seconds
        now: Endpoint | None = endpoint
        while now is not None and now.state != EndpointState.READY:
            if now.state == EndpointState.FAILED:
                raise Refused(503, f"It does not start. {now.trouble}", "failed", retry_after=60)
            if time.monotonic() > until or now.state == EndpointState.ASLEEP:
                raise Refused(503, "It is waking up; ask again.", "waking", retry_after=10)
            await asyncio.sleep(_PAUSE)
            now = await look(self.organisation_id, endpoint.id)
        if now is None:
            raise Refused(404, "The endpoint was deleted.", "model_not_found", "model")
        return now.address
