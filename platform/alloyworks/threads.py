"""Django for ASGI, with each request in one thread from the first middleware to the last.

Django's own handler takes a request whose middleware and views are synchronous, as ours are, through
three threads and two event loops, which costs as much as the request's work. Here as few things are
asynchronous as in WSGI: the body's way in, which may be slow, and the answer's way out.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import IO, cast

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_started
from django.http import HttpResponseBase
from django.urls import set_script_prefix

from alloyworks.wire import Receive, Scope, Send


class InOneThread(ASGIHandler):
    """Not for answers that are sent piece by piece: who reads them is not looked after."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.load_middleware()  # once more, and synchronous
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            loop, context = asyncio.get_running_loop(), copy_context()
            answering = loop.run_in_executor(self._threads, context.run, self._answer, scope, body)
            await self.send_response(await answering, send)

    def _answer(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        request_started.send(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        answer = self.get_response(request) if request else refusal
        response = cast(HttpResponseBase, answer)  # one of the two is there
        response.close()  # gives the database connection back; the content stays
        if response.streaming:
            raise RuntimeError(f"{scope['path']} is sent in pieces; asgi.py knows such paths")
        return response
