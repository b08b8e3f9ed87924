"""A cache that may be away: Valkey holds counts and marks, nothing that can't be done without.

What is asked while it does not answer is answered as if nothing had been kept, and for some seconds
nobody asks again: a Valkey that hangs costs one request its time-out, and not every one.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

PAUSE = 5.0  # seconds
OPTIONS = {
    "socket_connect_timeout": 1,  # seconds
    "socket_timeout": 1,
    "retry": Retry(NoBackoff(), 0),
}
Answer = TypeVar("Answer")
_logger = logging.getLogger(__name__)


class ForgivingCache(RedisCache):
    """The pause is of all threads: each of them has a cache object of its own."""

    until: ClassVar[float] = 0.0  # time.monotonic()

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._ask(lambda: super(ForgivingCache, self).get(key, default, version), default)

    def add(self, key: Any, value: Any, *args: Any, **more: Any) -> bool:
        """True, as for whoever came first."""
        return self._ask(lambda: super(ForgivingCache, self).add(key, value, *args, **more), True)

    def set(self, key: Any, value: Any, *args: Any, **more: Any) -> None:
        self._ask(lambda: super(ForgivingCache, self).set(key, value, *args, **more), None)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """0: nothing was counted. ValueError when there is no such number."""
        return self._ask(lambda: super(ForgivingCache, self).incr(key, delta, version), 0)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._ask(lambda: super(ForgivingCache, self).delete(key, version), False)

    @classmethod
    def _ask(cls, question: Callable[[], Answer], otherwise: Answer) -> Answer:
        if time.monotonic() < cls.until:
            return otherwise
        try:
            return question()
        except RedisError as fault:
            _logger.warning("The cache does not answer; next try in %g seconds: %s", PAUSE, fault)
            ForgivingCache.until = time.monotonic() + PAUSE
            return otherwise
