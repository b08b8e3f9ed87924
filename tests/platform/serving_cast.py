"""Endpoints for tests: a server that speaks OpenAI's protocol, a launcher that pretends, a gateway."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import httpx

from alloyworks.serving.gateway import Gateway
from alloyworks.serving.launchers import Full, Handle, Running
from alloyworks.serving.models import Endpoint, EndpointState

Reply = Callable[[dict[str, Any]], str]


class ModelServer(ThreadingHTTPServer):
    """Says what `reply` makes of a request, word by word where it is streamed; keeps what it heard."""

    daemon_threads = True

    def __init__(self, reply: Reply = lambda body: "Au") -> None:
        self.reply, self.heard = reply, list[dict[str, Any]]()
        self.status, self.breaks, self.left = 200, False, threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Whoever asked had left."""
        self.left.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._json(200, {"status": "ok"})

    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.heard.append(body)
        if server.status != 200:
            return self._json(server.status, {"detail": "no thanks"})
        words = server.reply(body)
        usage = {"prompt_tokens": 7, "completion_tokens": len(words.split())}
        if not body["stream"]:
            message = {"role": "assistant", "content": words}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            told = {"id": "x", "object": "chat.completion", "model": "model", "usage": usage}
            return self._json(200, told | {"choices": [choice]})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        for word in words.split(" "):
            self._chunk({"choices": [{"index": 0, "delta": {"content": f"{word} "}}]})
            if server.breaks:
                return None
        self._chunk(
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}
        )
        self.wfile.write(b"data: [DONE]\n\n")
        return None

    def log_message(self, *_: Any) -> None:
        """Quietly."""

    def _chunk(self, told: dict[str, Any]) -> None:
        chunk = {"id": "x", "object": "chat.completion.chunk", "model": "model"} | told
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def model_server(reply: Reply = lambda body: "Au") -> Iterator[ModelServer]:
    server = ModelServer(reply)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Pretending:
    """In place of a launcher: what it is told to run runs until a test says otherwise."""

    def __init__(self, places: int = 10, address: str = "http://127.0.0.1:9") -> None:
        self.places, self.address = places, address
        self.runs: dict[Running, bool] = {}  # True: it lives
        self.ended = list[Running]()

    def launch(self, endpoint: Endpoint) -> tuple[Handle, str]:
        key = (endpoint.id, endpoint.launch)
        if key not in self.runs and len(self.running()) >= self.places:
            raise Full
        self.runs.setdefault(key, True)
        return {"name": str(endpoint.id)}, self.address

    def alive(self, endpoint: Endpoint) -> bool:
        return self.runs.get((endpoint.id, endpoint.launch), False)

    def why_gone(self, endpoint: Endpoint) -> str:
        return "The server ended. It said last: out of memory"

    def running(self) -> list[Running]:
        return [key for key, lives in self.runs.items() if lives]

    def end(self, endpoint_id: UUID, launch: int) -> None:
        self.ended.append((endpoint_id, launch))
        self.runs.pop((endpoint_id, launch), None)


def awake(endpoint: Endpoint, server: ModelServer) -> Endpoint:
    """As after a round: its server answers."""
    endpoint.state, endpoint.address = EndpointState.READY, server.address
    endpoint.save()
    return endpoint


def asked(
    token: str, body: Any, path: str = "/v1/chat/completions", method: str = "POST"
) -> httpx.Response:
    """What the gateway answers, read to its end."""

    async def other(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def scene() -> httpx.Response:
        transport = httpx.ASGITransport(app=Gateway(other))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://alloy") as http:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await http.request(method, path, content=content, headers=headers, timeout=30)

    return asyncio.run(scene())


def chunks(answer: httpx.Response) -> list[Any]:
    """Of a stream."""
    data = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    return [each if each == "[DONE]" else json.loads(each) for each in data]
