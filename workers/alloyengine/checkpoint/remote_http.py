"""Bytes between storage and memory, over connections that are kept alive.

httpx copies what it reads several times, piece by piece; for gigabytes that takes ten times the
processor of reading straight to where they are wanted. Errors are httpx's all the same, so that
whoever tries again need not care. They never tell the URL.
"""

import mmap
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ssl import SSLContext
from threading import Lock
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import numpy as np

_LONGEST_REFUSAL = 1 << 16  # bytes read of it, so that the connection can be used again


def memory(size: int) -> np.ndarray:
    """Bytes that go back to the system as soon as nobody uses them; the heap would keep them."""
    mapped = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):  # filling them costs a seventh
        mapped.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(mapped, np.uint8)


class Storage:
    """Safe to use from several threads. Raises httpx.HTTPError."""

    def __init__(self, timeout: float) -> None:
        """Seconds without a byte."""
        self._timeout = timeout
        self._lock = Lock()
        self._idle: dict[tuple[str, str], list[HTTPConnection]] = defaultdict(list)

    def get(
        self, url: str, begin: int, target: np.ndarray, examine: Callable[[Message], None]
    ) -> None:
        """Fills `target` with the bytes from `begin` on.

        `examine` sees the headers first, and raises when the answer is another than was asked for.
        """
        span = {"Range": f"bytes={begin}-{begin + target.size - 1}"}
        with self._asked("GET", url, None, span) as answer:
            examine(answer.headers)
            left = target.data
            while left and (count := answer.readinto(left)):
                left = left[count:]
            if left:
                raise httpx.ReadError("the answer ended early")

    def put(self, url: str, data: np.ndarray) -> str:
        """The ETag."""
        with self._asked("PUT", url, data.data, {"Content-Length": str(data.size)}) as answer:
            answer.read()
            return str(answer.headers.get("ETag", ""))

    def close(self) -> None:
        with self._lock:
            for connection in [each for idle in self._idle.values() for each in idle]:
                connection.close()
            self._idle.clear()

    @contextmanager
    def _asked(
        self, verb: str, url: str, body: memoryview | None, headers: Mapping[str, str]
    ) -> Iterator[HTTPResponse]:
        where = urlsplit(url)
        connection = self._take(where)
        answer = None
        try:
            answer = _ask(connection, verb, _target(where), body, headers)
            _raise_for_status(answer)
            yield answer
        except TimeoutError:
            raise httpx.ReadTimeout("storage is silent") from None
        except (OSError, HTTPException) as error:
            raise httpx.NetworkError(type(error).__name__) from None
        finally:
            self._give_back(where, connection, answer)

    def _take(self, where: SplitResult) -> HTTPConnection:
        with self._lock:
            idle = self._idle[where.scheme, where.netloc]
            return idle.pop() if idle else self._connection(where)

    def _give_back(
        self, where: SplitResult, connection: HTTPConnection, answer: HTTPResponse | None
    ) -> None:
        with self._lock:
            idle = self._idle[where.scheme, where.netloc]
            if answer and answer.isclosed():
                return idle.append(connection)
            while answer is None and idle:  # the others were idle for as long, and are as dead
                idle.pop().close()
        return connection.close()  # of an answer that was not read to its end

    def _connection(self, where: SplitResult) -> HTTPConnection:
        """Connects when it is first used."""
        proxy = _proxy(where)
        host, port = (proxy or where).hostname or "", (proxy or where).port
        if where.scheme != "https":
            return HTTPConnection(host, port, timeout=self._timeout)
        secure = HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)
        if proxy:
            secure.set_tunnel(where.hostname or "", where.port or 443, _credentials(proxy))
        return secure

    @cached_property
    def _tls(self) -> SSLContext:
        """The certificates that the rest of the runner trusts."""
        return httpx.create_ssl_context()


def _ask(
    connection: HTTPConnection,
    verb: str,
    target: str,
    body: memoryview | None,
    headers: Mapping[str, str],
) -> HTTPResponse:
    try:
        connection.request(verb, target, body, dict(headers))
    except (BrokenPipeError, ConnectionResetError):
        if connection.sock is None:
            raise
        # Who refuses a part need not read it to its end: the refusal may be there already.
    return connection.getresponse()


def _target(where: SplitResult) -> str:
    """The path and query; a proxy of plain HTTP wants the whole URL."""
    if where.scheme == "http" and _proxy(where):
        return where.geturl()
    return where._replace(scheme="", netloc="").geturl()


def _proxy(where: SplitResult) -> SplitResult | None:
    """The machine's proxy for this address, if it has one."""
    found = getproxies().get(where.scheme)
    return urlsplit(found) if found and not proxy_bypass(where.hostname or "") else None


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    words = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(words.encode()).decode()}"}


def _raise_for_status(answer: HTTPResponse) -> None:
    if answer.status < httpx.codes.MULTIPLE_CHOICES:
        return
    answer.read(_LONGEST_REFUSAL)
    request = httpx.Request("GET", "https://storage.invalid")  # in place of the secret one
    response = httpx.Response(answer.status, request=request)
    raise httpx.HTTPStatusError(f"status {answer.status}", request=request, response=response)
