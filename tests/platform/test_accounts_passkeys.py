"""Passkeys, with one in software: added, used beside and instead of the password, removed."""

import html
import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client

from alloyworks.accounts import organisations
from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope
from tests.platform.conftest import PASSWORD, fresh
from tests.platform.passkey import Passkey

ADD, LIST = "/accounts/2fa/webauthn/add/", "/accounts/2fa/webauthn/"
ALONE, BESIDE = "/accounts/2fa/webauthn/login/", "/accounts/2fa/authenticate/"
HOST = "localhost"  # passkeys need https, or this


@pytest.fixture(autouse=True)
def nothing_counted(db: None) -> None:
    cache.clear()


@pytest.fixture
def browser(alice: Principal) -> Client:
    client = visitor()
    client.force_login(alice.user)
    return fresh(client, alice)


def visitor() -> Client:
    return Client(SERVER_NAME=HOST)


def options(page: Any) -> dict[str, Any]:
    """What the form's script reads."""
    told = re.search(r'data-options="([^"]+)"', page.content.decode())[1]
    found: dict[str, Any] = json.loads(html.unescape(told))
    return found


def add(browser: Client, passkey: Passkey, **fields: str) -> Any:
    credential = passkey.create(options(browser.get(ADD)))
    sent = {"name": "laptop", "passwordless": "on", "credential": credential}
    return browser.post(ADD, sent | fields)


def alone(client: Client, passkey: Passkey) -> None:
    """Signs in without a password."""
    asked = client.get(ALONE, headers={"Accept": "application/json"}).json()["request_options"]
    client.post(ALONE, {"credential": passkey.get(asked)})


def beside(client: Client, principal: Principal, passkey: Passkey) -> None:
    """Signs in after the password."""
    client.post("/accounts/login/", {"login": principal.user.email, "password": PASSWORD})
    client.post(BESIDE, {"credential": passkey.get(options(client.get(BESIDE)))})


def is_in(client: Client) -> bool:
    return client.get("/datasets/").status_code == 200


def test_a_passkey_is_added_and_listed(browser: Client) -> None:
    add(browser, Passkey())

    assert "laptop" in browser.get(LIST).content.decode()


@pytest.mark.parametrize(
    "credential",
    [
        *("", "{}", "[]", "no", '"text"', "1"),
        '{"id": "x", "rawId": "x", "type": "public-key"}',
        '{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}}',
        json.dumps(
            {
                **dict.fromkeys(("id", "rawId"), "AAAA"),
                "type": "public-key",
                "response": {"clientDataJSON": "AAAA", "attestationObject": "AAAA"},
            }
        ),
    ],
)
def test_nonsense_is_no_passkey(browser: Client, credential: str) -> None:
    browser.get(ADD)
    answer = browser.post(ADD, {"name": "x", "credential": credential})

    assert answer.status_code == 200
    assert not Authenticator.objects.exists()


def test_a_passkey_of_another_origin_is_refused(browser: Client) -> None:
    add(browser, Passkey("https://evil.example"))

    assert not Authenticator.objects.exists()


def test_a_passkey_that_asks_for_no_person_can_not_stand_alone(browser: Client) -> None:
    careless = Passkey(verifies=False)
    add(browser, careless)

    assert not Authenticator.objects.exists()


def test_a_passkey_signs_in_without_the_password(browser: Client, alice: Principal) -> None:
    passkey, client = Passkey(), visitor()
    add(browser, passkey)
    alone(client, passkey)

    assert is_in(client)
    with scope(alice.organisation.id):
        entry = alice.organisation.auditentry_set.filter(action="person.sign_in").get()
    assert entry.details == {"by": ["webauthn"]}


def test_an_answer_is_good_for_its_own_question_alone(browser: Client, alice: Principal) -> None:
    passkey, thief = Passkey(), visitor()
    add(browser, passkey)
    overheard = passkey.get(
        visitor().get(ALONE, headers={"Accept": "application/json"}).json()["request_options"]
    )
    thief.get(ALONE, headers={"Accept": "application/json"})
    thief.post(ALONE, {"credential": overheard})

    assert not is_in(thief)


def test_another_key_does_not_open_the_account(browser: Client, alice: Principal) -> None:
    passkey, forged, thief = Passkey(), Passkey(), visitor()
    add(browser, passkey)
    forged.id, forged.user = passkey.id, passkey.user
    alone(thief, forged)

    assert not is_in(thief)


@pytest.mark.parametrize("handle", ["", "AAAA", "!", None])
def test_a_passkey_of_nobody_opens_nothing(handle: str | None) -> None:
    client = visitor()
    asked = client.get(ALONE, headers={"Accept": "application/json"}).json()["request_options"]
    credential = json.loads(Passkey().get(asked))
    credential["response"]["userHandle"] = handle
    answer = client.post(ALONE, {"credential": json.dumps(credential)})

    assert answer["Location"] == "/accounts/login/"
    assert not is_in(client)


def test_a_passkey_is_a_second_factor_beside_the_password(
    browser: Client, alice: Principal
) -> None:
    passkey, client, without = Passkey(), visitor(), visitor()
    add(browser, passkey)
    without.post("/accounts/login/", {"login": alice.user.email, "password": PASSWORD})
    beside(client, alice, passkey)

    assert is_in(client)
    assert not is_in(without)


def test_a_passkey_confirms_that_it_is_oneself(browser: Client, alice: Principal) -> None:
    passkey, path = Passkey(), "/accounts/2fa/webauthn/reauthenticate/"
    add(browser, passkey)
    old = fresh(browser, alice, age=400)
    assert old.get(ADD)["Location"].startswith("/accounts/reauthenticate/")
    old.post(path, {"credential": passkey.get(options(old.get(path)))})

    assert old.get(ADD).status_code == 200


def test_a_passkey_is_renamed_and_removed(browser: Client) -> None:
    passkey = Passkey()
    add(browser, passkey)
    at = f"{LIST}keys/{Authenticator.objects.get(type='webauthn').pk}/"
    browser.post(f"{at}edit/", {"name": "phone"})
    assert "phone" in browser.get(LIST).content.decode()

    assert "Remove phone?" in browser.get(f"{at}remove/").content.decode()
    browser.post(f"{at}remove/")
    client = visitor()
    alone(client, passkey)
    assert not is_in(client)


def test_nobody_touches_a_passkey_of_somebody_else(browser: Client, charlie: Principal) -> None:
    add(browser, Passkey())
    at = f"{LIST}keys/{Authenticator.objects.get(type='webauthn').pk}/"
    other = visitor()
    other.force_login(charlie.user)
    fresh(other, charlie)

    assert other.post(f"{at}remove/").status_code == 404
    assert other.post(f"{at}edit/", {"name": "mine"}).status_code == 404


def test_the_last_passkey_stays_where_a_factor_is_demanded(
    browser: Client, alice: Principal
) -> None:
    add(browser, Passkey())
    with scope(alice.organisation.id):
        organisations.demand_mfa(alice, True)
    at = f"{LIST}keys/{Authenticator.objects.get(type='webauthn').pk}/"
    browser.post(f"{at}remove/")

    assert Authenticator.objects.filter(type="webauthn").exists()
    assert "Acme demands a second factor" in browser.get("/accounts/2fa/").content.decode()
