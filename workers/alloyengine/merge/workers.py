"""Threads that work off what comes first, not what was asked for first."""

from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from queue import PriorityQueue
from threading import Lock, Thread
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_LAST = 1 << 62


class Workers:
    """Like a ThreadPoolExecutor, with a rank for every piece of work: a context manager.

    The tensors under way are finished in their order: their bytes are written, and read again in a
    second pass, near to each other. That keeps what is cached of remote models, and what waits to be
    uploaded, small.
    """

    def __init__(self, threads: int) -> None:
        self._queue: PriorityQueue[tuple[int, int, Callable[[], None]]] = PriorityQueue()
        self._number = count()
        self._door, self._closed = Lock(), False
        # Daemons: an interrupt before they are all there must not leave one that nobody ends.
        self._threads = [
            Thread(target=self._work, name=f"merge-{i}", daemon=True) for i in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Everything that was submitted is worked off, unless it was cancelled."""
        with self._door:
            self._closed = True
            for _ in self._threads:
                self._put(_LAST, _leave)
        for thread in self._threads:
            thread.join()

    def submit(
        self, rank: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> "Future[T]":
        """Low ranks go first; of equal ranks what was submitted first. RuntimeError when all have left:
        an interrupt may leave a thread behind that knows nothing of the end, and would wait for ever.
        """
        future: Future[T] = Future()
        with self._door:
            if self._closed:
                raise RuntimeError("the workers have left")
            self._put(rank, lambda: _fulfil(future, lambda: work(*args, **kwargs)))
        return future

    def _put(self, rank: int, work: Callable[[], None]) -> None:
        self._queue.put((rank, next(self._number), work))

    def _work(self) -> None:
        while True:
            work = self._queue.get()[2]
            if work is _leave:
                return
            work()


def _leave() -> None:
    """Tells a thread that there is nothing more to come."""


def _fulfil(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001  # it is raised where the result is asked for
        future.set_exception(error)
