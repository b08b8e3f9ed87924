"""Hints go to the deployment's own broker, and only after the commit."""

import socket
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta

import pytest
import redis
from django.db import transaction
from django.utils import timezone

from alloyworks.accounts.principal import Principal
from alloyworks.celery import app
from alloyworks.config import config
from alloyworks.ids import new_id
from alloyworks.jobs import beat, pulse, tasks
from alloyworks.jobs.models import Pulse
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job, now


@pytest.fixture
def queue(committed_db: None) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(config.broker_url) as broker:
        broker.flushdb()
        yield broker
        broker.flushdb()


def waiting(queue: redis.Redis) -> int:
    tasks.flush()
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

    assert time.monotonic() - begun < 0.2
    tasks.flush()
    assert "queue does not answer" in caplog.text


def test_a_broker_that_hangs_does_not_hold_up_what_was_done(
    queue: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"redis://127.0.0.1:{deaf.getsockname()[1]}/0"
        options = app.conf.broker_transport_options | {"socket_timeout": 0.5}
        nobody = app.connection_for_write(url, transport_options=options)
        monkeypatch.setattr(
            app, "producer_or_acquire", lambda _: nullcontext(app.amqp.Producer(nobody))
        )
        begun = time.monotonic()

        with transaction.atomic():
            tasks.hint_all()

        assert time.monotonic() - begun < 0.2
        tasks.flush()
        assert "queue does not answer" in caplog.text


def test_beat_makes_the_rounds_that_no_worker_makes(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []
    monkeypatch.setattr(beat, "look_at_all", lambda: rounds.append(1))
    monkeypatch.setattr(beat, "_do_the_rest", lambda: None)
    monkeypatch.setattr(beat.connection, "close", lambda: None)

    beat.stand_in()
    assert len(rounds) == 1

    pulse.beat(pulse.RECONCILER)
    beat.stand_in()
    assert len(rounds) == 1

    Pulse.objects.update(at=timezone.now() - timedelta(minutes=1))
    beat.stand_in()
    assert len(rounds) == 2


def test_beat_sends_and_tidies_beside_its_clock(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    monkeypatch.setattr(beat.rounds, "send_due", lambda: done.append("sent"))
    monkeypatch.setattr(beat.leftovers, "tidy_all", lambda: done.append("tidied"))
    monkeypatch.setattr(beat.connection, "close", lambda: None)

    beat._do_the_rest()
    beat._beside.join(10)
    assert done == ["sent", "tidied"]


def test_beats_own_scheduler_is_used_and_asks_for_rounds() -> None:
    assert app.conf.beat_scheduler == "alloyworks.jobs.beat:Scheduler"
    tasks_asked = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert tasks.reconcile.name in tasks_asked
    assert tasks.tidy.name in tasks_asked


def test_a_message_that_names_another_organisation_moves_nothing(
    db: None, alice: Principal, charlie: Principal
) -> None:
    with scope(alice.organisation.id):
        job = new_job(alice)

    tasks.look(str(job.id), str(charlie.organisation.id))
    tasks.look(str(new_id()), str(new_id()))

    with scope(alice.organisation.id):
        assert now(job).state == "queued"


def test_a_message_that_is_no_message_of_ours_is_an_error_of_its_own(db: None) -> None:
    """Celery writes it down and goes on."""
    with pytest.raises(ValueError, match="UUID"):
        tasks.look("rm -rf", "nobody")


def test_messages_are_json_alone() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
