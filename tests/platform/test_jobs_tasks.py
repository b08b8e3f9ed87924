"""Hints go to the deployment's own broker, and only after the commit."""

import time
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import redis
from django.db import transaction

from alloyworks.accounts.principal import Principal
from alloyworks.celery import app
from alloyworks.config import config
from alloyworks.jobs import tasks
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job


@pytest.fixture
def queue(committed_db: None) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(config.broker_url) as broker:
        broker.flushdb()
        yield broker
        broker.flushdb()


def waiting(queue: redis.Redis) -> int:
    return int(queue.llen("celery"))  # type: ignore[arg-type]


def test_a_hint_is_sent_when_its_transaction_commits(queue: redis.Redis, alice: Principal) -> None:
    with scope(alice.organisation.id):
        tasks.hint(new_job(alice))
        assert waiting(queue) == 0

    assert waiting(queue) == 1


def test_a_hint_of_a_transaction_that_fails_is_not_sent(
    queue: redis.Redis, alice: Principal
) -> None:
    with pytest.raises(ZeroDivisionError), scope(alice.organisation.id):
        tasks.hint(new_job(alice))
        raise ZeroDivisionError

    assert waiting(queue) == 0


def test_a_broker_that_is_gone_neither_fails_nor_holds_up_what_was_done(
    queue: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = app.connection_for_write("redis://127.0.0.1:1/0")
    monkeypatch.setattr(
        app, "producer_or_acquire", lambda _: nullcontext(app.amqp.Producer(nobody))
    )
    begun = time.monotonic()

    with transaction.atomic():
        tasks.hint_all()

    assert time.monotonic() - begun < 2
    assert "queue does not answer" in caplog.text
