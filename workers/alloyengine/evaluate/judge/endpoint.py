"""An OpenAI-compatible endpoint: `POST {url}/chat/completions`.

Its address and key are the caller's, never a spec's: a spec of somebody else can send them nowhere.
Redirects are not followed, answers of more than a megabyte are not read, and neither the key nor the
address gets into an error.
"""

import json
import time
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from alloyengine.errors import InputError
from alloyengine.retry import delays, may_pass
from alloyengine.train.data import Messages

_MOST = 1_000_000  # bytes of an answer
_TRIES = 3
_TOKENS = 1024  # of a verdict with its reasons


class Unanswered(Exception):
    """The judge gave no answer that can be read; the words say why, for people."""


class Endpoint:
    """Safe for several threads. Raises InputError for an address that no key should go to."""

    def __init__(self, url: str, key: str = "") -> None:
        self._url = f"{_checked(url, key)}/chat/completions"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # What is here is not asked for through a proxy, which would see the key.
        proxies = url.strip().startswith("https://")
        self._http = httpx.Client(headers=headers, follow_redirects=False, trust_env=proxies)

    def ask(self, model: str, asked: Messages, timeout: float) -> str:
        """What it says; `timeout` seconds for each of three tries. Raises Unanswered."""
        body = {"model": model, "messages": asked, "temperature": 0, "max_tokens": _TOKENS}
        waits = delays(longest=5)
        for remaining in reversed(range(_TRIES)):
            try:
                return _content(self._post(body, timeout))
            except httpx.HTTPError as error:
                if not remaining or not may_pass(error):
                    raise Unanswered(_words(error, timeout)) from None
            time.sleep(next(waits))
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        self._http.close()

    def _post(self, body: dict[str, Any], timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        read = bytearray()
        with self._http.stream("POST", self._url, json=body, timeout=timeout) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                read += chunk
                # httpx counts seconds of silence; an answer may also come byte by byte for ever.
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("too slow", request=response.request)
                if len(read) > _MOST:
                    raise Unanswered("its answer is longer than a megabyte")
        return bytes(read)


def _content(answer: bytes) -> str:
    try:
        said = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise Unanswered("its answer is not one of an OpenAI-compatible endpoint") from None
    if not isinstance(said, str):
        raise Unanswered("its answer has no text")
    return said


def _words(error: httpx.HTTPError, timeout: float) -> str:
    """Never the error's own text: it holds the address."""
    if isinstance(error, httpx.TimeoutException):
        return f"it did not answer within {timeout:g} s"
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered with status {error.response.status_code}"
    return f"it could not be reached ({type(error).__name__})"


def _checked(url: str, key: str) -> str:
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _refused("it can't be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _refused("it does not begin with https://")
    if parts.username or parts.password:
        raise _refused("it holds a user name or a password")
    if parts.query or parts.fragment:
        raise _refused("it goes on after its path")
    if key and parts.scheme == "http" and not _is_here(host):
        raise _refused("the key would go over the network for everybody to read")
    return url.strip().rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(why: str) -> InputError:
    return InputError(
        "judge_url",
        f"The judge's address can't be used: {why}.",
        "Give one such as https://host/v1.",
    )
