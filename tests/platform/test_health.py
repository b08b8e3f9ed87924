"""Probes: whether the process lives, whether it can work; and who may read the metrics."""

import json
from typing import Any

import httpx
import pytest
from django.test import Client
from pydantic import SecretStr

from alloyengine.spec.protocol import Failure
from alloyworks import health
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.embedded import health as questions
from alloyworks.embedded import ports
from alloyworks.jobs import lifecycle, pulse
from alloyworks.observability import exposition, metrics
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job, running

LOCAL = {"Host": "127.0.0.1:8000"}


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_asked", health._Asked())


def break_part(patch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    def broken(*_: object) -> None:
        raise OSError("the password is swordfish")

    patch.setattr(module, name, broken)


def ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    assert b"swordfish" not in answer.content
    return answer.status_code, json.loads(answer.content)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3:8000", "pod.example"])
def test_a_process_that_lives_says_so_whoever_asks(host: str) -> None:
    answer = Client().get("/healthz", headers={"Host": host})

    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_all_parts_are_asked(db: None) -> None:
    objects.ensure_bucket()

    status, told = ready()
    assert (status, told["status"]) == (200, "ok")
    assert set(told["parts"]) == {"database", "storage", "broker"}


@pytest.mark.parametrize(("module", "name"), [(questions, "database"), (objects, "look")])
def test_without_database_or_storage_it_is_not_ready(
    db: None, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    objects.ensure_bucket()
    break_part(monkeypatch, module, name)

    status, told = ready()
    assert (status, told["status"], told["ready"]) == (503, "unavailable", False)
    assert Client().get("/healthz").status_code == 200


def test_without_the_broker_it_is_ready_but_degraded(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.ensure_bucket()
    break_part(monkeypatch, questions, "broker")

    status, told = ready()
    assert (status, told["status"]) == (200, "degraded")
    assert told["parts"]["broker"] == "no answer"


def test_a_part_that_hangs_is_given_up(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    released = Event()
    monkeypatch.setattr(questions, "database", lambda _: released.wait(20) and None)
    monkeypatch.setattr(health, "SECONDS", 0.1)
    try:
        assert ready()[0] == 503
    finally:
        released.set()


def test_the_real_questions_are_answered_by_real_servers_only(db: None) -> None:
    objects.look(2.0)
    questions.database(config.database_url)
    with pytest.raises(Exception, match="refused"):
        questions.database("postgresql://a:b@127.0.0.1:1/x")


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"Host": "alloy.example"}, "127.0.0.1"),
        (LOCAL, "10.0.0.1"),
        (LOCAL | {"X-Forwarded-For": "8.8.8.8"}, "127.0.0.1"),
        (LOCAL | {"Forwarded": "for=8.8.8.8"}, "127.0.0.1"),
    ],
)
def test_metrics_are_for_this_machine(headers: dict[str, str], address: str, db: None) -> None:
    assert Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code == 404
    assert Client().get("/metrics", headers=LOCAL).status_code == 200


def test_with_a_token_metrics_are_for_who_has_it(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "metrics_token", SecretStr("a token of metrics"))
    client = Client(REMOTE_ADDR="10.0.0.1", headers={"Host": "alloy.example"})

    for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Bearer"}):
        assert client.get("/metrics", headers=wrong).status_code == 404
    right = {"Authorization": "Bearer a token of metrics"}
    assert client.get("/metrics", headers=right).status_code == 200


def figures() -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = [line for line in exposition.exposition().decode().splitlines() if line[0] != "#"]
    return {key: float(value) for key, value in (line.rsplit(" ", 1) for line in lines)}


def test_metrics_tell_the_queue_of_everybody_and_nobodys_ids(
    alice: Principal, charlie: Principal
) -> None:
    for principal in (alice, charlie):
        with scope(principal.organisation.id):
            new_job(principal)
            running(principal)

    told = figures()
    assert told['alloy_jobs{kind="train",state="queued"}'] == 2
    assert told['alloy_jobs{kind="train",state="running"}'] == 2
    assert told["alloy_oldest_queued_seconds"] >= 0
    assert told["alloy_heartbeat_age_seconds"] >= 0
    assert told["alloy_database_up"] == 1
    text = exposition.exposition().decode()
    assert not any(str(one.organisation.id) in text or "Acme" in text for one in (alice, charlie))


def test_ends_of_jobs_and_attempts_are_counted_when_they_are_committed(
    alice: Principal, django_capture_on_commit_callbacks: Any
) -> None:
    key = 'alloy_job_seconds_count{kind="train",outcome="failed"}'
    attempts = 'alloy_attempts_ended_total{kind="train",state="failed"}'
    before = figures()
    with scope(alice.organisation.id):
        attempt = running(alice)
        with django_capture_on_commit_callbacks() as callbacks:
            failure = Failure(code="dataset_empty", fault="user", message="It has no rows.")
            lifecycle.fail(attempt, failure)
    assert figures().get(key) == before.get(key)

    for callback in callbacks:
        callback()
    after = figures()
    assert after[key] == before.get(key, 0) + 1
    assert after[attempts] == before.get(attempts, 0) + 1


def test_requests_are_counted_by_route(browser: Client) -> None:
    key = 'alloy_http_requests_total{method="GET",route="/jobs/<uuid:job_id>/",status="404"}'
    before = figures().get(key, 0)
    browser.get("/jobs/01a20000-0000-7000-8000-000000000000/")
    browser.get("/no/such/path")

    after = figures()
    assert after[key] == before + 1
    assert after['alloy_http_requests_total{method="GET",route="unmatched",status="404"}'] >= 1
    assert any(name.startswith("alloy_http_request_seconds_bucket") for name in after)


def test_the_app_role_sees_the_figures_and_still_no_rows(alice: Principal) -> None:
    from django.db import connection

    with scope(alice.organisation.id):
        new_job(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM alloy_figures() WHERE figure = 'jobs'")
        assert cursor.fetchall() == [(1.0,)]
        cursor.execute("SELECT count(*) FROM jobs_job")
        assert cursor.fetchall() == [(0,)]


def test_the_reconcilers_age_shows_that_beat_broker_and_worker_work(db: None) -> None:
    assert pulse.age(pulse.RECONCILER) is None
    pulse.beat(pulse.RECONCILER)
    age = pulse.age(pulse.RECONCILER)
    assert age is not None and age < 5
    assert figures()["alloy_reconciler_age_seconds"] < 5


def test_a_worker_tells_its_own_counts_beside(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics.message_tried("mail", "delivered")
    port = ports.claim_inner(None)
    exposition.serve_beside(port)

    told = httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert told.status_code == 200 and "alloy_messages_tried_total" in told.text
    assert "alloy_jobs" not in told.text  # the queue is told by the web process
    assert httpx.get(f"http://127.0.0.1:{port}/other").status_code == 404
    monkeypatch.setattr(config, "metrics_token", SecretStr("a token of metrics"))
    assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 404
