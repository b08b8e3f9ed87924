"""Requests that are tried again: how long to wait, what may pass, what to say in the end."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx

T = TypeVar("T")
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_REFUSED = {400, 401, 403}  # what the several kinds of storage say to a signature that is too old


def delays(longest: float = 30.0) -> Iterator[float]:
    """Doubles from a fifth of a second; jitter keeps many runners from knocking in step."""
    delay = 0.2
    while True:
        yield delay * random.uniform(0.5, 1.5)  # noqa: S311  # no secret is made of it
        delay = min(2 * delay, longest)


def may_pass(error: httpx.HTTPError) -> bool:
    """Is it worth trying again: no answer at all, or one that promises better times?"""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in _PASSING
    return isinstance(error, httpx.TransportError)


def is_refused(error: httpx.HTTPError) -> bool:
    """May a fresh presigned URL help?"""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _REFUSED


def words(error: httpx.HTTPError) -> str:
    """Never the error's own text: it holds the presigned URL."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"storage answered {error.response.status_code}"
    return type(error).__name__


def persistently(action: Callable[[], T], patience: float, check: Callable[[], None]) -> T:
    """Repeats `action` until it succeeds; its last error after `patience` seconds.

    `check` runs before every try and may raise to give up sooner.
    """
    deadline = time.monotonic() + patience
    for delay in delays():
        check()
        try:
            return action()
        except httpx.HTTPError as error:
            if not may_pass(error) or time.monotonic() + delay > deadline:
                raise
        time.sleep(delay)
    raise AssertionError("delays never end")
