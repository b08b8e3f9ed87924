"""How often something may be tried: fixed windows, counted in Valkey.

allauth limits signing in and up, resets and mails (ACCOUNT_RATE_LIMITS); this limits API keys,
and says for both how long to wait. While Valkey is away nothing is counted and nobody refused:
a key has 256 random bits, so the limits only spare the database.
"""

import math
import time
from dataclasses import dataclass

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from alloyworks.config import config
from alloyworks.errors import TooMany


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds; 0 for any number."""

    most: int
    seconds: int = 60


FAILED_KEYS = Rate(60)  # an address
KEY_USE = Rate(config.api_rate)  # a key
LOCKED_FOR = 300  # seconds, after five wrong passwords of an account


def count(what: str, who: object, rate: Rate) -> None:
    """Counts one more. Raises TooMany, with the seconds to wait, beyond the rate."""
    if not rate.most:
        return
    now = time.time()
    window = int(now // rate.seconds)
    if _counted(f"limit:{what}:{who}:{window}", rate.seconds) > rate.most:
        wait = max(1, math.ceil((window + 1) * rate.seconds - now))
        raise TooMany(
            f"More than {rate.most} requests in {rate.seconds} seconds; wait {wait} seconds.",
            retry_after=wait,
        )


def too_many(request: HttpRequest, retry_after: int = 60) -> HttpResponse:
    """The page that says so; allauth asks for it by `handler429` of urls.py."""
    answer = render(request, "429.html", status=429)
    answer["Retry-After"] = str(retry_after)
    return answer


def _counted(name: str, seconds: int) -> int:
    try:
        cache.add(name, 0, timeout=seconds)
        return cache.incr(name)
    except ValueError:  # the window ended between both
        return 0
