"""The API's people: sign-up, organisation, members, invitations, keys."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from alloyworks.accounts.principal import Principal

Api = Callable[[Principal], Client]
ORGANISATION = "/api/v1/organisation"
JSON = "application/json"


@pytest.fixture
def newcomer(db: None) -> Client:
    cache.clear()
    return Client()


def sign_up(client: Client, **changes: str) -> Any:
    body = {"organisation": "Initech", "email": "d@initech.example", "password": "a long one 123"}
    return client.post("/api/v1/signup", body | changes, JSON)


def test_sign_up_gives_a_key_that_works(newcomer: Client) -> None:
    made = sign_up(newcomer)

    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    headers = {"Authorization": f"Bearer {made.json()['api_key']}"}
    shown = Client().get(ORGANISATION, headers=headers).json()
    assert (shown["name"], shown["role"]) == ("Initech", "owner")


def test_sign_up_says_every_fault_with_its_remedy(newcomer: Client) -> None:
    answer = sign_up(newcomer, email="nobody", password="short")

    assert answer.status_code == 422
    assert {error["loc"][0] for error in answer.json()["errors"]} == {"email", "password"}
    assert all(error["remedy"] for error in answer.json()["errors"])


def test_a_taken_address_is_a_conflict(newcomer: Client) -> None:
    sign_up(newcomer)

    assert sign_up(newcomer).status_code == 409


def test_too_many_sign_ups_are_refused(newcomer: Client) -> None:
    answers = {sign_up(newcomer, password="short").status_code for _ in range(25)}

    assert answers == {422, 429}


def test_whoever_signed_up_by_the_api_can_sign_in_on_the_page(newcomer: Client) -> None:
    sign_up(newcomer)

    assert newcomer.login(email="d@initech.example", password="a long one 123")


def test_members_are_listed_page_by_page(
    api: Api, alice: Principal, bob: Principal, vera: Principal, charlie: Principal
) -> None:
    client, seen, cursor = api(vera), [], ""
    while cursor is not None:
        page = client.get(f"{ORGANISATION}/members?limit=2{cursor and f'&cursor={cursor}'}").json()
        seen += [member["email"] for member in page["items"]]
        cursor = page["next"]

    assert seen == [p.user.email for p in (vera, bob, alice)]


def test_an_owner_changes_a_role(api: Api, alice: Principal, bob: Principal) -> None:
    url = f"{ORGANISATION}/members/{bob.user.id}"

    assert api(alice).patch(url, {"role": "admin"}, JSON).json()["role"] == "admin"


def test_a_member_changes_no_role(api: Api, alice: Principal, bob: Principal) -> None:
    url = f"{ORGANISATION}/members/{alice.user.id}"

    assert api(bob).patch(url, {"role": "viewer"}, JSON).status_code == 403


def test_an_invitation_is_made_listed_and_withdrawn(api: Api, alice: Principal) -> None:
    client, url = api(alice), f"{ORGANISATION}/invitations"

    made = client.post(url, {"email": "e@acme.example", "role": "viewer"}, JSON)
    assert made.status_code == 201
    assert client.get(url).json()["items"] == [made.json()]
    assert client.delete(f"{url}/{made.json()['id']}").status_code == 204
    assert client.get(url).json()["items"] == []


def test_a_key_is_made_listed_and_revoked(api: Api, alice: Principal) -> None:
    client, url = api(alice), f"{ORGANISATION}/keys"

    made = client.post(url, {"name": "ci", "role": "viewer"}, JSON).json()
    assert "api_key" not in client.get(url).json()["items"][0]
    assert client.delete(f"{url}/{made['id']}").status_code == 204
    headers = {"Authorization": f"Bearer {made['api_key']}"}
    assert Client().get(ORGANISATION, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["members", "keys", "invitations"])
def test_another_organisations_ids_are_not_found(
    api: Api, alice: Principal, charlie: Principal, path: str
) -> None:
    theirs = api(charlie)
    theirs.post(f"{ORGANISATION}/invitations", {"email": "e@globex.example"}, JSON)
    item = theirs.get(f"{ORGANISATION}/{path}").json()["items"][0]

    answer = api(alice).delete(f"{ORGANISATION}/{path}/{item.get('id') or item['user_id']}")

    assert answer.status_code == 404
