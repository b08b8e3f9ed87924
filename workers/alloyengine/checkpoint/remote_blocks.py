"""Blocks of remote files: fetched ahead by several connections, kept while there is room."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from alloyengine.checkpoint.remote_http import Storage

MEMORY = 512 << 20  # several tensors of each model of a merge, for methods that read them twice
BLOCK = 8 << 20  # of one request: large beside its overhead, small beside the memory
_AHEAD = 2  # blocks
_CONNECTIONS = 8
_TIMEOUT = 60.0  # seconds without a byte


class Ranged(Protocol):
    """A file that is read block by block."""

    size: int

    def fetch(self, number: int) -> np.ndarray: ...


class Blocks:
    """Shared by all models of a merge. Reads go through tensors in order, so the next blocks of a
    file are fetched before they are asked for; a method that reads a tensor twice finds it still
    here if it is not too large. The least recently used blocks go first.
    """

    def __init__(self, check: Callable[[], None], memory: int = MEMORY, block: int = BLOCK) -> None:
        """`check` may raise to end all waiting, such as Stopped. Sizes are in bytes."""
        self.check, self.size = check, block
        self.storage = Storage(_TIMEOUT)
        self.fetched = 0  # bytes
        self._most = memory // block
        self._known: dict[tuple[Ranged, int], Future[np.ndarray]] = {}  # the latest used last
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_CONNECTIONS, "fetch")

    def get(self, file: Ranged, first: int, last: int) -> list[np.ndarray]:
        """Blocks `first` to `last` of a file, not to be written to. Raises TransferError."""
        end = -(-file.size // self.size)
        with self._lock:
            wanted = [self._find(file, number) for number in range(first, last + 1)]
            for number in range(last + 1, min(last + 1 + _AHEAD, end)):
                self._find(file, number)
            self._make_room()
        return [future.result() for future in wanted]

    @property
    def kept(self) -> int:
        """Bytes in memory, or on their way to it."""
        return self.size * len(self._known)

    def forget(self, file: Ranged) -> None:
        with self._lock:
            for key in [key for key in self._known if key[0] is file]:
                self._known.pop(key).cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self.storage.close()

    def _find(self, file: Ranged, number: int) -> "Future[np.ndarray]":
        future = self._known.pop((file, number), None)
        if future is None or _failed(future):
            future = self._pool.submit(self._fetch, file, number)
        self._known[file, number] = future
        return future

    def _fetch(self, file: Ranged, number: int) -> np.ndarray:
        found = file.fetch(number)
        with self._lock:
            self.fetched += found.size
        return found

    def _make_room(self) -> None:
        for key in list(self._known)[: max(0, len(self._known) - self._most)]:
            del self._known[key]  # whoever waits for it still gets it


def _failed(future: "Future[np.ndarray]") -> bool:
    return future.done() and future.exception() is not None
