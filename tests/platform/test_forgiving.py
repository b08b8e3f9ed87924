"""A cache that is away, or hangs, holds nobody up for long."""

import socket
import time
from collections.abc import Iterator

import pytest

from alloyworks.forgiving import OPTIONS, ForgivingCache


@pytest.fixture
def hanging() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForgivingCache, "until", 0.0)


def cache_at(url: str) -> ForgivingCache:
    return ForgivingCache(url, {"OPTIONS": OPTIONS})


def test_one_that_hangs_is_asked_once(hanging: str) -> None:
    cache, begun = cache_at(hanging), time.monotonic()

    assert cache.add("seen", 1)
    assert cache.incr("seen") == 0
    assert cache.get("seen", "nothing") == "nothing"
    cache.set("seen", 2)
    assert not cache.delete("seen")
    assert time.monotonic() - begun < 2.5


def test_one_that_is_gone_is_asked_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_at("redis://127.0.0.1:9/0")
    assert cache.get("x") is None
    assert ForgivingCache.until > time.monotonic()
    asked = []
    monkeypatch.setattr(ForgivingCache, "until", 0.0)
    monkeypatch.setattr(
        "django.core.cache.backends.redis.RedisCache.get", lambda *_: asked.append(1) or 7
    )

    assert cache.get("x") == 7
    assert asked == [1]
