"""Webhooks and mails when a job ends: written with the end, sent until they have arrived."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from alloyengine.spec.protocol import Failure
from alloyworks.accounts import audit
from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Conflict, Forbidden, Invalid, NotFound
from alloyworks.ids import first_id_of
from alloyworks.jobs import lifecycle
from alloyworks.jobs.models import Job
from alloyworks.outbound import UrlNotAllowed
from alloyworks.tenancy import scope
from alloyworks.webhooks import choices, endpoints, rounds, sending
from alloyworks.webhooks.models import Delivery, Endpoint, Mail, MessageState
from tests.platform.attempts import new_job, running
from tests.platform.conftest import joined
from tests.platform.listener import Listener, listening, names, open_for

PENDING, DELIVERED, FAILED = MessageState.PENDING, MessageState.DELIVERED, MessageState.FAILED


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with listening() as found:
        open_for(monkeypatch, found.port)
        yield found


@pytest.fixture
def endpoint(alice: Principal, listener: Listener) -> Endpoint:
    with scope(alice.organisation.id):
        url = f"http://127.0.0.1:{listener.port}/hook"
        return endpoints.create(alice, url, ["job.succeeded", "job.failed"])[0]


def failed_job(principal: Principal, message: str = "The data is bad.") -> Job:
    with scope(principal.organisation.id):
        attempt = running(principal, created_by=principal.user)
        failure = Failure(
            code="dataset_empty", fault="user", message=message, remedy="Use other data."
        )
        lifecycle.fail(attempt, failure)
        return Job.objects.get(id=attempt.job_id)


def delivery(principal: Principal) -> Delivery:
    with scope(principal.organisation.id):
        return Delivery.objects.select_related("endpoint").latest("id")


def deliver(principal: Principal) -> Delivery:
    """One try of the latest."""
    sending.deliver(delivery(principal).id, principal.organisation.id)
    return delivery(principal)


def make_due(principal: Principal, **changes: Any) -> None:
    with scope(principal.organisation.id):
        Delivery.objects.update(next_at=timezone.now(), **changes)


def test_the_end_of_a_job_is_written_with_it(alice: Principal, endpoint: Endpoint) -> None:
    job = failed_job(alice)

    found = delivery(alice)
    told = json.loads(found.body)
    assert (found.event, found.state, found.job_id) == ("job.failed", PENDING, job.id)
    assert told["type"] == "job.failed" and re.match(r"\d{4}-", told["timestamp"])
    assert (told["data"]["id"], told["data"]["state"]) == (str(job.id), "failed")
    assert told["data"]["failure"]["remedy"] == "Use other data."


def test_an_end_that_is_rolled_back_tells_nobody(alice: Principal, endpoint: Endpoint) -> None:
    with pytest.raises(ZeroDivisionError), scope(alice.organisation.id), transaction.atomic():
        failed_job(alice)
        raise ZeroDivisionError

    with scope(alice.organisation.id):
        assert not Delivery.objects.exists() and not Mail.objects.exists()


def test_events_that_nobody_chose_are_not_told(alice: Principal, endpoint: Endpoint) -> None:
    with scope(alice.organisation.id):
        lifecycle.cancel(alice, new_job(alice).id)

        assert not Delivery.objects.exists()


def test_it_arrives_signed_as_standard_webhooks_says(
    alice: Principal, endpoint: Endpoint, listener: Listener
) -> None:
    with scope(alice.organisation.id):
        url = f"http://127.0.0.1:{listener.port}/other"
        secret = endpoints.create(alice, url, ["job.failed"])[1]
    failed_job(alice)

    found = deliver(alice)

    headers = listener.headers()
    assert (found.state, found.status, found.tries) == (DELIVERED, 204, 1)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + listener.body()
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert len(key) == 32
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert headers["webhook-id"] == found.message_id
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 30


def test_a_failure_is_tried_again_with_the_same_id(
    alice: Principal, endpoint: Endpoint, listener: Listener
) -> None:
    listener.reply = b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nsorry"
    failed_job(alice)

    found = deliver(alice)
    assert (found.state, found.status, found.answer) == (PENDING, 500, "sorry")
    assert "500" in found.error
    assert timedelta(0) < found.next_at - timezone.now() <= sending.FIRST_PAUSE

    deliver(alice)  # not due yet
    assert listener.connections == 1
    make_due(alice)
    listener.reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert deliver(alice).state == DELIVERED
    ids = {listener.headers(number)["webhook-id"] for number in range(2)}
    bodies = {listener.body(number) for number in range(2)}
    assert len(ids) == len(bodies) == 1


def test_what_died_on_the_way_is_sent_again_when_its_lease_is_over(
    alice: Principal, endpoint: Endpoint, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed_job(alice)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(sending, "_note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        deliver(alice)

    deliver(alice)
    assert (delivery(alice).state, listener.connections) == (PENDING, 1)
    make_due(alice)
    assert deliver(alice).state == DELIVERED
    assert listener.headers(0)["webhook-id"] == listener.headers(1)["webhook-id"]


def test_pauses_grow_and_end_a_day_after_the_first(alice: Principal) -> None:
    start = now = timezone.now()
    tries = 1
    while (following := sending.next_try(tries, start, now)) is not None:
        assert following > now
        now, tries = following, tries + 1

    assert now - start == timedelta(hours=24)
    assert 10 < tries < 20
    assert sending.pause(1) == timedelta(seconds=10) and sending.pause(99) == timedelta(hours=6)


def test_after_a_day_the_webhook_is_switched_off_and_the_owners_hear_of_it(
    alice: Principal, bob: Principal, endpoint: Endpoint, listener: Listener
) -> None:
    listener.reply = b"HTTP/1.1 503 No\r\n\r\n"
    failed_job(alice)
    failed_job(alice)
    make_due(alice, due_since=timezone.now() - timedelta(hours=25))

    assert deliver(alice).state == FAILED
    with scope(alice.organisation.id):
        endpoint.refresh_from_db()
        assert not endpoint.active and "503" in endpoint.trouble
        assert not Delivery.objects.filter(state=PENDING).exists()
        notes = Mail.objects.filter(subject__contains="switched off")
        assert [note.address for note in notes] == [alice.user.email]
        assert endpoint.url in notes.get().text
        before = Delivery.objects.count()
    failed_job(alice)
    with scope(alice.organisation.id):
        assert Delivery.objects.count() == before


def test_whoever_answers_410_is_left_alone_at_once(
    alice: Principal, endpoint: Endpoint, listener: Listener
) -> None:
    listener.reply = b"HTTP/1.1 410 Gone\r\n\r\n"
    failed_job(alice)

    assert deliver(alice).state == FAILED
    with scope(alice.organisation.id):
        endpoint.refresh_from_db()
    assert not endpoint.active


def test_a_test_is_tried_once_and_switches_nothing_off(
    alice: Principal, endpoint: Endpoint, listener: Listener
) -> None:
    listener.reply = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n"
    with scope(alice.organisation.id):
        endpoints.test(alice, endpoint.id)

    found = deliver(alice)
    assert (found.state, found.status) == (FAILED, 302)
    assert "redirects are not followed" in found.error
    with scope(alice.organisation.id):
        endpoint.refresh_from_db()
    assert endpoint.active and json.loads(listener.body())["type"] == "test"


def test_a_name_that_moves_inside_is_refused_when_it_is_sent(
    alice: Principal, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    with scope(alice.organisation.id):
        endpoints.create(alice, f"http://moves.example:{listener.port}/", ["job.failed"])
    failed_job(alice)

    assert "leads to an address that is not public" in deliver(alice).error
    assert listener.connections == 0


def test_what_failed_can_be_sent_again(
    alice: Principal, endpoint: Endpoint, listener: Listener
) -> None:
    failed_job(alice)
    make_due(alice, state=FAILED, tries=9)
    with scope(alice.organisation.id):
        endpoints.resend(alice, endpoint.id, delivery(alice).id)

    assert deliver(alice).state == DELIVERED
    with scope(alice.organisation.id):
        endpoints.change(alice, endpoint.id, active=False)
        with pytest.raises(Conflict, match="switched off"):
            endpoints.resend(alice, endpoint.id, delivery(alice).id)


def test_what_became_of_old_messages_is_forgotten(alice: Principal, endpoint: Endpoint) -> None:
    failed_job(alice)
    old = first_id_of(timezone.now() - sending.KEPT - timedelta(minutes=1))
    with scope(alice.organisation.id):
        Delivery.objects.update(id=old, state=FAILED)
        Mail.objects.update(id=old, state=DELIVERED)
    failed_job(alice)
    deliver(alice)
    with scope(alice.organisation.id):
        newest = Mail.objects.latest("id").id
    sending.mail(newest, alice.organisation.id)

    with scope(alice.organisation.id):
        assert [row.state for row in Delivery.objects.all()] == [DELIVERED]
        assert [row.id for row in Mail.objects.all()] == [newest]


@pytest.mark.parametrize("url", ["http://example.org/", "https://10.0.0.1/", "https://localhost/"])
def test_a_url_that_is_not_allowed_is_not_taken(alice: Principal, url: str) -> None:
    with scope(alice.organisation.id), pytest.raises(UrlNotAllowed) as caught:
        endpoints.create(alice, url, ["job.failed"])
    assert caught.value.errors[0].loc == ["url"]


@pytest.mark.parametrize("wanted", [[], ["job.dreamt"]])
def test_events_must_be_known(alice: Principal, endpoint: Endpoint, wanted: list[str]) -> None:
    with scope(alice.organisation.id), pytest.raises(Invalid):
        endpoints.change(alice, endpoint.id, wanted=wanted)


def test_there_is_an_end_to_webhooks(
    alice: Principal, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MOST", 1)
    with scope(alice.organisation.id), pytest.raises(Conflict):
        endpoints.create(alice, endpoint.url, ["job.failed"])


def test_members_make_none_and_admins_do(
    alice: Principal, bob: Principal, listener: Listener
) -> None:
    admin = joined(alice, "ada@acme.example", Role.ADMIN)
    url = f"http://127.0.0.1:{listener.port}/"
    with scope(alice.organisation.id):
        with pytest.raises(Forbidden):
            endpoints.create(bob, url, ["job.failed"])
        assert endpoints.create(admin, url, ["job.failed"])


def test_who_did_what_to_webhooks_is_in_the_audit_log(alice: Principal, endpoint: Endpoint) -> None:
    failed_job(alice)
    with scope(alice.organisation.id):
        endpoints.change(alice, endpoint.id, wanted=["job.failed"])
        endpoints.resend(alice, endpoint.id, delivery(alice).id)
        endpoints.delete(alice, endpoint.id)
        entries = audit.entries(alice, action="webhook")

        deeds = [entry.action for entry in reversed(entries)]
        assert deeds == ["webhook.create", "webhook.change", "webhook.resend", "webhook.delete"]
        assert "whsec_" not in str([entry.details for entry in entries])


def test_another_tenants_webhook_is_not_there(
    alice: Principal, charlie: Principal, endpoint: Endpoint
) -> None:
    for deed in (endpoints.get, endpoints.delete, endpoints.test, endpoints.deliveries_of):
        with scope(charlie.organisation.id), pytest.raises(NotFound):
            deed(charlie, endpoint.id)


def test_the_submitter_gets_a_mail(alice: Principal, bob: Principal) -> None:
    failed_job(bob, "The data\nis bad.")

    with scope(alice.organisation.id):
        found = Mail.objects.get()
    sending.mail(found.id, alice.organisation.id)
    sending.mail(found.id, alice.organisation.id)
    [sent] = mail.outbox
    assert sent.to == [bob.user.email] and sent.subject == "Failed: elements"
    assert "is bad." in sent.body and "Use other data." in sent.body and "/jobs/" in sent.body


def test_whoever_declined_gets_none(alice: Principal, bob: Principal) -> None:
    with scope(alice.organisation.id):
        choices.choose_job_mail(bob, wanted=False)
        choices.choose_job_mail(bob, wanted=False)
        assert not choices.wants_job_mail(bob) and choices.wants_job_mail(alice)
    failed_job(bob)
    failed_job(alice)
    with scope(alice.organisation.id):
        assert Mail.objects.get().address == alice.user.email
        choices.choose_job_mail(bob, wanted=True)
        assert choices.wants_job_mail(bob)


def test_a_mail_server_that_is_away_is_asked_again(alice: Principal, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    failed_job(alice)
    with scope(alice.organisation.id):
        found = Mail.objects.get()
    sending.mail(found.id, alice.organisation.id)

    with scope(alice.organisation.id):
        found.refresh_from_db()
    assert (found.state, found.tries) == (PENDING, 1)
    assert "refused" in found.error and found.next_at > timezone.now()


@pytest.mark.usefixtures("committed_db")
class TestRounds:
    """With real commits: the round has threads of its own."""

    def test_it_sends_what_is_due_of_everybody(
        self, alice: Principal, charlie: Principal, endpoint: Endpoint, listener: Listener
    ) -> None:
        with scope(charlie.organisation.id):
            endpoints.create(charlie, endpoint.url, ["job.failed"])
        for principal in (alice, charlie):
            failed_job(principal)

        rounds.send_due()

        assert listener.connections == 2
        assert {delivery(principal).state for principal in (alice, charlie)} == {DELIVERED}
        assert len(mail.outbox) == 2
        assert rounds.due_now() == []

    def test_nobodys_heap_keeps_the_others_waiting(
        self, alice: Principal, charlie: Principal, endpoint: Endpoint
    ) -> None:
        for _ in range(45):
            failed_job(alice)
        failed_job(charlie)

        due = rounds.due_now()
        assert len(due) == 40
        assert charlie.organisation.id in {organisation for _, _, organisation in due[:2]}

    def test_one_broken_message_does_not_stop_the_round(
        self, alice: Principal, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("no")

        monkeypatch.setitem(rounds._SENDERS, "webhook", broken)
        monkeypatch.setattr(rounds, "SECONDS", 0.5)
        failed_job(alice)
        rounds.send_due()

        assert len(mail.outbox) == 1
