"""The heart of a runner: what it does when the platform does not answer."""

import time
from collections.abc import Iterator
from threading import Event

import pytest

from alloyengine.runner.client import Platform, StaleAttempt
from alloyengine.runner.heart import Heart
from tests.engine.platform_standin import Standin, standin
from tests.engine.running import until


@pytest.fixture
def platform() -> Iterator[Standin]:
    with standin() as server:
        yield server


def heart_of(platform: Standin, alone: float) -> Heart:
    return Heart(Platform(platform.url, platform.token), Event(), alone)


def test_who_is_cut_off_for_too_long_ends(platform: Standin):
    with heart_of(platform, alone=1.0) as heart:
        until(lambda: platform.beats)
        platform.down = True
        heart.check()
        until(heart.stale.is_set, seconds=20)
        with pytest.raises(StaleAttempt):
            heart.check()


def test_an_outage_that_ends_in_time_is_survived(platform: Standin):
    with heart_of(platform, alone=60.0) as heart:
        until(lambda: platform.beats)
        platform.down = True
        time.sleep(1.5)
        platform.down, before = False, platform.beats
        until(lambda: platform.beats > before)
        heart.check()


def test_an_attempt_that_is_over_ends_at_once(platform: Standin):
    with heart_of(platform, alone=60.0) as heart:
        until(lambda: platform.beats)
        platform.stale = True
        until(heart.stale.is_set, seconds=5)
