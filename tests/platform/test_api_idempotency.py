"""`Idempotency-Key`: nothing is done twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from alloyworks.accounts import invitations
from alloyworks.accounts.models import IdempotencyKey, Invitation
from alloyworks.accounts.principal import Principal
from alloyworks.api.idempotency import KEPT
from alloyworks.tenancy import scope

Api = Callable[[Principal], Client]
INVITATIONS = "/api/v1/organisation/invitations"


def invite(client: Client, key: str, email: str = "eve@acme.example") -> Any:
    return client.post(
        INVITATIONS, {"email": email}, "application/json", headers={"Idempotency-Key": key}
    )


def test_the_same_request_is_answered_again_and_not_done_again(api: Api, alice: Principal) -> None:
    client = api(alice)

    first, again = invite(client, "1"), invite(client, "1")

    assert first.json() == again.json()
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")


def test_another_key_is_another_request(api: Api, alice: Principal) -> None:
    client = api(alice)

    assert invite(client, "1").json() != invite(client, "2").json()


def test_the_key_of_another_request_is_refused(api: Api, alice: Principal) -> None:
    client = api(alice)
    invite(client, "1")

    assert invite(client, "1", "other@acme.example").status_code == 422


def test_after_an_error_the_key_serves_for_the_corrected_request(
    api: Api, alice: Principal
) -> None:
    client = api(alice)

    assert invite(client, "1", "nobody").status_code == 422
    assert invite(client, "1").status_code == 201


def test_keys_of_two_people_do_not_meet(api: Api, alice: Principal, charlie: Principal) -> None:
    invite(api(alice), "1")

    assert "Idempotent-Replayed" not in invite(api(charlie), "1")


def test_a_key_is_forgotten_after_a_day(api: Api, alice: Principal) -> None:
    client = api(alice)
    first = invite(client, "1")
    with scope(alice.organisation.id):
        row = IdempotencyKey.objects.get()
        IdempotencyKey.objects.update(created_at=row.created_at - KEPT - timedelta(seconds=1))

    assert invite(client, "1").json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_has_1_to_200_characters(api: Api, alice: Principal, key: str) -> None:
    assert invite(api(alice), key).status_code == 422


def test_a_secret_is_not_kept_for_a_replay(api: Api, alice: Principal) -> None:
    client, body = api(alice), {"name": "ci", "role": "viewer"}
    url, headers = "/api/v1/organisation/keys", {"Idempotency-Key": "1"}
    assert client.post(url, body, "application/json", headers=headers).status_code == 201

    again = client.post(url, body, "application/json", headers=headers)

    assert (again.status_code, "secret" in again.json()["detail"]) == (409, True)
    with scope(alice.organisation.id):
        assert IdempotencyKey.objects.get().body is None


@pytest.mark.usefixtures("committed_db")
def test_of_many_at_once_one_is_done(
    api: Api, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = api(alice)

    def one(_: int) -> int:
        try:
            return invite(client, "1").status_code
        finally:
            connection.close()

    monkeypatch.setattr(invitations, "_mail", lambda *_: None)
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(one, range(24)))

    assert set(statuses) <= {201, 409}
    with scope(alice.organisation.id):
        assert (Invitation.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
