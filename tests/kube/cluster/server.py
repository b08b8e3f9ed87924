"""The API server: HTTP in front of the store, as far as our client uses it."""

import base64
import json
import re
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.kube.cluster import rules
from tests.kube.cluster.faults import Script
from tests.kube.cluster.store import Conflict, Missing, Object, Store, TooOld, matches, now

GROUPS = {
    "/apis/batch/v1": {"jobs": "Job"},
    "/api/v1": {"pods": "Pod", "secrets": "Secret", "services": "Service", "events": "Event"},
    "/apis/coordination.k8s.io/v1": {"leases": "Lease"},
    "/apis/apps/v1": {"deployments": "Deployment"},
    "/apis/autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
}
_STATUS = {Missing: 404, Conflict: 409, TooOld: 410, rules.Invalid: 422}
_GUIDE = Path(__file__).parents[3] / "docs/kubernetes.md"
RIGHTS = {
    (verb.strip(), kind.strip())
    for kinds, verbs in re.findall(
        r"^\| ([a-z/, ]+) \| ((?:create|get|list|watch|delete|update|, )+) \|",
        _GUIDE.read_text(),
        re.MULTILINE,
    )
    for kind in kinds.split(",")
    for verb in verbs.split(",")
}
"""Those that the operator's guide tells to give, and no others."""
TOKEN = "a token that the stand-in believes"


class Server:
    """`logs` gives what a pod wrote."""

    def __init__(self, store: Store, namespace: str, logs: Callable[[str], str]) -> None:
        self.store, self.namespace, self.logs = store, namespace, logs
        self.script = Script()
        self.bookmark = 60.0  # seconds without news on a watch
        self.watches = 0  # open ones
        self.cut = 0  # raised to end all that are open
        self.http = _Http(("127.0.0.1", 0), _Handler)
        self.http.owner = self
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.cut_watches()
        self.http.shutdown()
        self.http.server_close()

    def cut_watches(self) -> None:
        with self.store.changed:
            self.cut += 1
            self.store.changed.notify_all()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class _Lost(Exception):
    """The connection ends without an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def api(self) -> Server:
        return self.server.owner

    def do_GET(self) -> None:
        self._serve("get")

    def do_POST(self) -> None:
        self._serve("create")

    def do_PUT(self) -> None:
        self._serve("update")

    def do_DELETE(self) -> None:
        self._serve("delete")

    def log_message(self, *_words: Any) -> None:
        """Quietly."""

    def _serve(self, verb: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        words = {key: values[-1] for key, values in parse_qs(url.query).items()}
        try:
            self._answer(verb, url.path, words, json.loads(body) if body else {})
        except tuple(_STATUS) as error:
            self._fail(_STATUS[type(error)], str(error))
        except (_Lost, BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self, verb: str, path: str, words: dict[str, str], body: Object) -> None:
        kind, name, what = self._place(path)
        verb = (
            ("watch" if "watch" in words else "get" if name else "list") if verb == "get" else verb
        )
        asked = f"{kind}/{what}" if what else kind
        fault = self.api.script.next(verb, asked)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._fail(401, "Unauthorized")
        if (verb, asked) not in RIGHTS:
            return self._fail(
                403, f'{asked} is forbidden: User "x" cannot {verb} resource "{asked}"'
            )
        if fault and fault.slow:
            time.sleep(fault.slow)
        if fault and fault.status:
            return self._fail(fault.status, fault.message, fault.retry_after)
        if verb == "watch":
            return self._watch(kind, words)
        answer = self._do(verb, kind, name, what, words, body)
        if fault and fault.lost:
            raise _Lost
        return self._send(200, answer)

    def _place(self, path: str) -> tuple[str, str, str]:
        """Kind, name and what is wanted of it."""
        for prefix, kinds in GROUPS.items():
            home = f"{prefix}/namespaces/"
            if path.startswith(home):
                namespace, kind, *rest = path.removeprefix(home).split("/")
                if namespace != self.api.namespace:
                    raise Missing(f'namespaces "{namespace}" not found')
                if kind in kinds:
                    return kind, *[*rest, "", ""][:2]
        raise Missing("the server could not find the requested resource")

    def _do(
        self, verb: str, kind: str, name: str, what: str, words: dict[str, str], body: Object
    ) -> Object | str:
        store = self.api.store
        if what == "log":
            store.get(kind, name)
            lines = self.api.logs(name).splitlines(keepends=True)
            return "".join(lines[-int(words.get("tailLines", 10**6)) :])
        if verb == "create":
            rules.check(body)
            return store.create(kind, _as_kept(body))
        if verb == "update":
            rules.check(body)
            return store.replace(kind, _as_kept(body))
        if verb == "delete":
            return _removed(store, kind, name)
        if name:
            return store.get(kind, name)
        found, version = store.all(kind, words.get("labelSelector", ""))
        fields = words.get("fieldSelector", "")
        return _page([item for item in found if _has(item, fields)], version, words)

    def _watch(self, kind: str, words: dict[str, str]) -> None:
        api, version = self.api, int(words["resourceVersion"])
        ends = time.monotonic() + float(words.get("timeoutSeconds", 300))
        cut, selector = api.cut, words.get("labelSelector", "")
        api.store.after(version)  # TooOld is answered before the stream begins
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        api.watches += 1
        try:
            while api.cut == cut and time.monotonic() < ends:
                version = self._tell(kind, selector, version, cut, ends)
            if api.cut == cut:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            api.watches -= 1
            self.close_connection = True

    def _tell(self, kind: str, selector: str, version: int, cut: int, ends: float) -> int:
        """Waits for news and tells them; the version up to which all is told."""
        store, api = self.api.store, self.api
        patience = min(api.bookmark, max(0.0, ends - time.monotonic()))
        with store.changed:
            store.changed.wait_for(lambda: store.version > version or api.cut != cut, patience)
            try:
                news, newest = store.after(version, kind)
            except TooOld as error:
                status = {"kind": "Status", "code": 410, "message": str(error)}
                self._chunk({"type": "ERROR", "object": status})
                raise _Lost from None
        told = [change for change in news if matches(change.found, selector)]
        for change in told:
            self._chunk({"type": change.type, "object": change.found})
        if not told and newest == version:
            self._chunk({"type": "BOOKMARK", "object": _bookmark(newest)})
        return newest

    def _chunk(self, event: Object) -> None:
        line = json.dumps(event).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _fail(self, status: int, message: str, retry_after: int | None = None) -> None:
        body = {"kind": "Status", "status": "Failure", "code": status, "message": message}
        self._send(status, body, {"Retry-After": str(retry_after)} if retry_after else {})

    def _send(self, status: int, body: Object | str, headers: dict[str, str] | None = None) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _as_kept(body: Object) -> Object:
    """Secrets are kept as base64; a status is nobody's to create."""
    if text := body.get("stringData"):
        data = {key: base64.b64encode(value.encode()).decode() for key, value in text.items()}
        body = {key: value for key, value in body.items() if key != "stringData"} | {"data": data}
    return body


def _removed(store: Store, kind: str, name: str) -> Object:
    """A pod goes when the kubelet has ended it; everything else at once."""
    if kind != "pods":
        return store.delete(kind, name)
    return store.change(kind, name, lambda pod: pod["metadata"].update(deletionTimestamp=now()))


def _has(found: Object, fields: str) -> bool:
    """Whether its fields have these values: a.b=c,d=e."""
    for field in filter(None, fields.split(",")):
        path, _, value = field.partition("=")
        inner: Any = found
        for step in path.split("."):
            inner = inner[step]
        if inner != value:
            return False
    return True


def _page(found: list[Object], version: int, words: dict[str, str]) -> Object:
    begin, limit = int(words.get("continue") or 0), int(words.get("limit") or len(found) or 1)
    metadata = {"resourceVersion": str(version)}
    if begin + limit < len(found):
        metadata["continue"] = str(begin + limit)
    return {"kind": "List", "metadata": metadata, "items": found[begin : begin + limit]}


def _bookmark(version: int) -> Object:
    return {"metadata": {"resourceVersion": str(version)}}
