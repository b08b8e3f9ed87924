"""A small real HTTP server that speaks the runner protocol, with storage beside it."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

PART = 50_000
_SIGNATURE = "SIGNATURE"


class Standin:
    """What the platform was told, and switches for what it answers."""

    def __init__(self, url: str) -> None:
        self.url, self.token = url, "secret"
        self.assignment: dict[str, Any] = {}
        self.events: dict[int, dict[str, Any]] = {}
        self.finish: dict[str, Any] | None = None
        self.storage: dict[str, bytes] = {}
        self.planned: list[dict[str, Any]] = []  # uploads
        self.checkpoints: list[dict[str, Any]] = []  # manifests, as they were told
        self.puts = 0.0  # seconds that each takes
        self.stop = self.stale = self.down = False
        self.multipart = False
        self.beats = self.ranges = self.renewals = 0
        self.failures = 0  # so many requests to storage fail from now on
        self.rangeless = False
        self.stumbles = False  # over every event
        self.finishing = 0.0  # seconds that it takes to look at a result
        self.signature = "1"  # of storage URLs; those that were signed with another are refused

    def assign(self, spec: dict[str, Any], inputs: dict[str, Path]) -> None:
        self.assignment = {
            "job": str(uuid4()),
            "attempt": 1,
            "spec": spec,
            "inputs": [self._input(reference, path) for reference, path in inputs.items()],
        }

    def said(self, kind: str) -> list[dict[str, Any]]:
        bodies = [event["body"] for _, event in sorted(self.events.items())]
        return [body for body in bodies if body["type"] == kind]

    def losses(self) -> list[float]:
        return [point["value"] for point in self.said("metric") if point["name"] == "loss"]

    def plan(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Where a file is to be put."""
        self.planned.append(wanted)
        url = f"{self.url}/storage/{_key(wanted)}"
        if not self.multipart or wanted["size"] <= PART:
            return {"urls": [f"{url}?{self.signature}"]}
        count = -(-wanted["size"] // PART)
        urls = [f"{url}.{number}?{self.signature}" for number in range(count)]
        return {"urls": urls, "part_size": PART, "upload_id": "upload"}

    def offer(self, *manifests: dict[str, Any]) -> None:
        """The next attempt may go on from these checkpoints, the newest first."""
        self.assignment["checkpoints"] = [
            {
                "attempt": 1,
                "step": told["step"],
                "files": [self._kept(told, f) for f in told["files"]],
            }
            for told in manifests
        ]

    def _kept(self, told: dict[str, Any], file: dict[str, Any]) -> dict[str, Any]:
        key = _key(file | {"checkpoint": told["step"]})
        return file | {"url": f"{self.url}/storage/{key}?{_SIGNATURE}"}

    def _input(self, reference: str, folder: Path) -> dict[str, Any]:
        files = [self._file(reference, path) for path in folder.iterdir()]
        return {"reference": reference, "kind": "model", "name": reference, "files": files}

    def _file(self, reference: str, path: Path) -> dict[str, Any]:
        key, data = f"inputs/{reference}/{path.name}", path.read_bytes()
        self.storage[key] = data
        return {
            "path": path.name,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "url": f"{self.url}/storage/{key}?{_SIGNATURE}",
        }


def _key(wanted: dict[str, Any]) -> str:
    """Where a file of the result, or of a checkpoint, is stored."""
    step = wanted.get("checkpoint")
    return f"checkpoints/{step}/{wanted['path']}" if step else f"out/{wanted['path']}"


@contextmanager
def standin() -> Iterator[Standin]:
    server = _Server(("127.0.0.1", 0), _Handler)
    state = Standin(f"http://127.0.0.1:{server.server_port}")
    server.state = state  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def state(self) -> Standin:
        return self.server.state  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        if not self.path.startswith("/storage/"):
            return self._answer(None)
        if (name := self._signed_name()) is None:
            return self._send(403)
        data = self.state.storage.get(name)
        if data is None:
            return self._send(404)
        if self._failing():
            return self._send(503)
        if "Range" not in self.headers or self.state.rangeless:
            return self._send(200, data)
        return self._send_range(data)

    def _failing(self) -> bool:
        self.state.failures -= 1
        return self.state.failures >= 0

    def _signed_name(self) -> str | None:
        """The object of a storage URL; None when its signature is no longer good."""
        name, _, signature = self.path.removeprefix("/storage/").partition("?")
        return name if signature == self.state.signature else None

    def _send_range(self, data: bytes) -> None:
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        self.state.ranges += 1
        etag = hashlib.md5(data).hexdigest()
        headers = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "ETag": f'"{etag}"'}
        self._send(206, data[first : last + 1], headers)

    def do_PUT(self) -> None:
        data = self._body()
        time.sleep(self.state.puts)
        if (name := self._signed_name()) is None:
            return self._send(403)
        if self._failing():
            return self._send(503)
        self.state.storage[name] = data
        return self._send(200, b"", {"ETag": hashlib.md5(data).hexdigest()})

    def do_POST(self) -> None:
        self._answer(json.loads(self._body()))

    def _answer(self, body: Any) -> None:
        state = self.state
        if self.headers["Authorization"] != f"Bearer {state.token}":
            return self._send(401)
        if state.down:
            return self._send(503)
        if state.stale:
            return self._send(409)
        step = self.path.removeprefix("/runner/v1/").replace("/", "_")
        if state.stumbles and step == "events" and body["events"]:
            return self._send(500)
        answer = getattr(self, f"_{step}")(body)
        return self._send(200, json.dumps(answer).encode())

    def _assignment(self, _: None) -> Any:
        return json.loads(
            json.dumps(self.state.assignment).replace(_SIGNATURE, self.state.signature)
        )

    def _companion(self, _: None) -> Any:
        return self._assignment(None) | {"checkpoints": []}

    def _events(self, batch: Any) -> Any:
        self.state.beats += 1
        self.state.events |= {event["seq"]: event for event in batch["events"]}
        return {"stop": self.state.stop}

    def _uploads(self, wanted: Any) -> Any:
        return self.state.plan(wanted)

    def _uploads_complete(self, parts: Any) -> Any:
        keys = [f"{_key(parts)}.{number}" for number in range(len(parts["etags"]))]
        pieces = [self.state.storage.pop(key) for key in keys]
        assert parts["etags"] == [hashlib.md5(piece).hexdigest() for piece in pieces]
        self.state.storage[_key(parts)] = b"".join(pieces)
        return {"stop": False}

    def _checkpoints(self, told: Any) -> Any:
        assert all(
            self.state.storage[_key(f | {"checkpoint": told["step"]})] for f in told["files"]
        )
        self.state.checkpoints.append(told)
        return {"stop": self.state.stop}

    def _finish(self, finish: Any) -> Any:
        time.sleep(self.state.finishing)
        self.state.finish = finish
        return {"stop": False}

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _send(self, status: int, data: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None: ...
