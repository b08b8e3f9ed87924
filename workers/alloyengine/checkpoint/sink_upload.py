"""A new model that goes to object storage part by part, while it is written."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Protocol

import httpx
import numpy as np

from alloyengine.checkpoint.remote_http import Storage
from alloyengine.checkpoint.sink_parts import Part, Parts, Row
from alloyengine.errors import Stopped, TransferError
from alloyengine.retry import is_refused, persistently, words
from alloyengine.spec.protocol import FileFacts, UploadParts, UploadPlan

MEMORY = 128 << 20
_CONNECTIONS = 4
_PATIENCE = 600.0  # seconds
_TIMEOUT = 120.0  # seconds without progress


class Planner(Protocol):
    """Where to put a file of this size; with an id, fresh URLs of that upload."""

    def __call__(self, path: str, size: int, upload_id: str | None = None) -> UploadPlan: ...


class Upload:
    """An `Output` in storage. Whoever made it joins the parts in the end, once all else is well."""

    before = None

    def __init__(
        self, folder: Path, plan: Planner, check: Callable[[], None], memory: int = MEMORY
    ) -> None:
        """`folder` is for the small files, which are left there. `check` may raise to end it."""
        self.folder, self._plan, self._check, self._memory = folder, plan, check, memory
        self.scratch = folder.with_name(f"{folder.name}.stages")
        self.files: list[FileFacts] = []
        self.parts: list[UploadParts] = []

    @contextmanager
    def open(self, sizes: Mapping[str, int]) -> Iterator["_Sink"]:
        """After the body `files` is the manifest of the weights, `parts` is what must be joined.
        Raises TransferError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as closing:
            sink = _Sink(self.folder, self._check, self._memory, closing)
            for name, size in sizes.items():
                sink.add(name, size, self._plan)
            yield sink
            sink.finish()
            self.files = [file.facts for file in sink.files]
            self.parts = [file.parts for file in sink.files if file.upload_id]


class _File:
    """One file of weights on its way."""

    def __init__(
        self, name: str, size: int, plan: Planner, send: "Callable[[_File, Part], None]"
    ) -> None:
        found = plan(name, size)
        self.name, self.upload_id = name, found.upload_id
        self.row = Row(size, found.part_size or size, partial(send, self))
        self.digest = hashlib.sha256()
        self.etags: dict[int, str] = {}
        self._urls, self._ask, self._renewing = found.urls, plan, Lock()

    @property
    def facts(self) -> FileFacts:
        return FileFacts(path=self.name, size=self.row.size, sha256=self.digest.hexdigest())

    @property
    def parts(self) -> UploadParts:
        etags = [self.etags[number] for number in range(self.row.count)]
        return UploadParts(path=self.name, upload_id=self.upload_id or "", etags=etags)

    def put(self, storage: Storage, part: Part) -> None:
        """Raises httpx.HTTPError."""
        url = self._urls[part.number]
        try:
            self.etags[part.number] = storage.put(url, part.memory)
        except httpx.HTTPStatusError as error:
            if not is_refused(error):
                raise
            self.etags[part.number] = storage.put(self._renewed(part.number, url), part.memory)

    def _renewed(self, number: int, url: str) -> str:
        """URLs are good for some hours only; a merge may take longer."""
        with self._renewing:
            if self._urls[number] == url:  # else another thread was faster
                self._urls = self._ask(self.name, self.row.size, self.upload_id).urls
            return self._urls[number]


class _Sink:
    """Hashes and sends what is complete, by threads of its own."""

    def __init__(
        self, folder: Path, check: Callable[[], None], memory: int, closing: ExitStack
    ) -> None:
        self.folder = folder
        self._files: dict[str, _File] = {}
        self._parts = Parts(memory, folder, self._go_on)
        self._stop, self._closed = check, Event()
        self._failure: BaseException | None = None
        self._storage = Storage(_TIMEOUT)
        closing.callback(self._storage.close)
        self._senders = ThreadPoolExecutor(_CONNECTIONS, "send")
        self._hasher = ThreadPoolExecutor(1, "hash")  # one: bytes are hashed in their order
        for pool in (self._senders, self._hasher):
            closing.callback(pool.shutdown, cancel_futures=True)
        closing.callback(self._closed.set)  # the first thing on the way out

    @property
    def files(self) -> list[_File]:
        return list(self._files.values())

    def add(self, name: str, size: int, plan: Planner) -> None:
        self._files[name] = _File(name, size, plan, self._let_go)

    def write(self, name: str, offset: int, data: memoryview) -> None:
        if data:
            self._parts.write(self._files[name].row, offset, np.frombuffer(data, np.uint8))

    def finish(self) -> None:
        self._parts.wait()
        for file in self.files:
            if file.row.next < file.row.count:
                raise RuntimeError(f"{file.name} was not written to its end")

    def _let_go(self, file: _File, part: Part) -> None:
        hashed = self._hasher.submit(file.digest.update, part.memory.data)
        sent = self._senders.submit(self._send, file, part, hashed)
        sent.add_done_callback(partial(self._landed, part))

    def _send(self, file: _File, part: Part, hashed: "Future[None]") -> None:
        try:
            persistently(lambda: file.put(self._storage, part), _PATIENCE, self._go_on)
        except httpx.HTTPError as error:
            message = f"{file.name} could not be sent: {words(error)}."
            raise TransferError("transfer_failed", message) from None
        hashed.result()

    def _landed(self, part: Part, sent: "Future[None]") -> None:
        if not sent.cancelled():
            self._failure = self._failure or sent.exception()
        self._parts.landed(part)

    def _go_on(self) -> None:
        self._stop()
        if self._failure:
            raise self._failure
        if self._closed.is_set():
            raise Stopped("stopped", "The upload was given up.")
