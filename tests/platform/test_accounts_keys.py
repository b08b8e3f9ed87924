"""API keys: what scopes open, when they end, and what a dead one hears."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

import pytest
from django.test import Client
from django.utils import timezone

from alloyworks.accounts import keys, members
from alloyworks.accounts.models import ApiKey, Role
from alloyworks.accounts.principal import Principal
from alloyworks.accounts.roles import ALLOWED, SCOPES, Action, Scope, allowed
from alloyworks.errors import Invalid
from alloyworks.tenancy import scope
from tests.platform.conftest import fresh

Api = Callable[[Principal], Client]
BrowserOf = Callable[[Principal], Client]
KEYS = "/api/v1/organisation/keys"
JSON = "application/json"


def holder(principal: Principal, *scopes: Scope, **options: Any) -> Client:
    """Who has a key of the principal with these scopes."""
    with scope(principal.organisation.id, principal.user.id):
        _, token = keys.create(principal, "test", principal.role, scopes=scopes, **options)
    return Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", SCOPES)
def test_a_scope_never_opens_more_than_the_role(role: Role, name: Scope) -> None:
    assert allowed(role, [name]) == SCOPES[name] & ALLOWED[role]


def test_together_the_scopes_open_all_but_what_only_owners_do_in_person() -> None:
    narrow = frozenset().union(*(SCOPES[name] for name in SCOPES if name != "all"))

    assert SCOPES["all"] == set(get_args(Action))
    assert SCOPES["all"] - narrow == {"organisation.secure"}


def test_a_scope_that_was_taken_out_opens_nothing() -> None:
    assert allowed(Role.OWNER, ["gone"]) == frozenset()


@pytest.mark.parametrize(
    ("scopes", "opens"),
    [
        (["read"], {"read"}),
        (["data"], {"read", "data"}),
        (["jobs"], {"read", "jobs"}),
        (["people"], {"read", "people"}),
        (["jobs", "data"], {"read", "jobs", "data"}),
        (["all"], {"read", "jobs", "data", "people"}),
    ],
)
def test_a_key_opens_its_scopes_and_nothing_else(
    alice: Principal, scopes: list[Scope], opens: set[str]
) -> None:
    client = holder(alice, *scopes)
    answers = {
        "read": client.get("/api/v1/jobs"),
        "jobs": client.post("/api/v1/jobs/check", {}, JSON),
        "data": client.delete("/api/v1/datasets/01a20000-0000-7000-8000-000000000000"),
        "people": client.get("/api/v1/audit"),
    }

    assert {name for name, answer in answers.items() if answer.status_code != 403} == opens


def test_a_closed_scope_is_said_by_name(alice: Principal) -> None:
    answer = holder(alice, "read", "data").post("/api/v1/jobs", {}, JSON)

    assert "scopes (read, data) do not open jobs.submit" in answer.json()["detail"]


@pytest.mark.parametrize("scopes", [["all"], ["jobs"], ["data", "people"]])
def test_a_key_makes_no_key_that_does_more(alice: Principal, scopes: list[str]) -> None:
    body = {"name": "more", "role": "owner", "scopes": scopes}
    answer = holder(alice, "people").post(KEYS, body, JSON)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["scopes"]


def test_a_key_may_make_one_that_does_as_much(alice: Principal) -> None:
    answer = holder(alice, "people").post(KEYS, {"name": "same", "scopes": ["people"]}, JSON)

    assert (answer.status_code, answer.json()["scopes"]) == (201, ["people"])


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "king"]])
def test_a_scope_that_does_not_exist_is_named(
    alice: Principal, api: Api, scopes: list[str]
) -> None:
    answer = api(alice).post(KEYS, {"name": "x", "scopes": scopes}, JSON)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][0] == "scopes"
    with scope(alice.organisation.id), pytest.raises(Invalid):
        keys.create(alice, "x", Role.OWNER, scopes=scopes)  # type: ignore[arg-type]


def test_a_key_expires_in_ninety_days_unless_another_time_is_said(
    alice: Principal, api: Api
) -> None:
    soon = timezone.now().replace(microsecond=0) + timedelta(hours=1)
    made = [
        api(alice).post(KEYS, {"name": "x", **wish}, JSON).json()["expires_at"]
        for wish in ({}, {"expires_at": None}, {"expires_at": soon.isoformat()})
    ]

    days = timezone.datetime.fromisoformat(made[0]) - timezone.now()
    assert timedelta(days=89) < days < timedelta(days=91)
    assert made[1] is None
    assert timezone.datetime.fromisoformat(made[2]) == soon


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expired on"),
        ({"revoked_at": timezone.now()}, "was revoked on"),
    ],
)
def test_a_dead_key_hears_why_and_what_to_do(
    alice: Principal, change: dict[str, Any], words: str
) -> None:
    client = holder(alice, "all")
    with scope(alice.organisation.id):
        ApiKey.objects.update(**change)

    answer = client.get("/api/v1/jobs")
    assert answer.status_code == 401
    assert words in answer.json()["detail"] and "/accounts/keys/" in answer.json()["detail"]


def test_a_key_that_never_was_is_told_no_more_than_that(db: None) -> None:
    token = f"alloy_00000000_{'A' * 43}"
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get("/api/v1/jobs")

    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("This API key is not known.")


def test_the_key_of_a_removed_member_is_dead_at_once(alice: Principal, bob: Principal) -> None:
    client = holder(bob, "all")
    with scope(alice.organisation.id):
        members.remove(alice, bob.user.id)

    assert client.get("/api/v1/jobs").status_code == 401


def test_a_key_shows_when_it_was_used_last(alice: Principal) -> None:
    client = holder(alice, "all")
    assert client.get(KEYS).json()["items"][0]["last_used_at"] is not None


def test_scanners_know_a_key_by_its_look(alice: Principal) -> None:
    with scope(alice.organisation.id):
        _, token = keys.create(alice, "x", Role.VIEWER)

    assert re.fullmatch(r"alloy_[0-9a-f]{8}_[A-Za-z0-9_-]{43}", token)


def test_the_page_makes_a_narrow_key(alice: Principal, browser_of: BrowserOf) -> None:
    sent = {"name": "ci", "role": "member", "scopes": ["jobs", "data"], "days": "7"}
    page = browser_of(alice).post("/accounts/keys/", sent).content.decode()

    with scope(alice.organisation.id):
        key = ApiKey.objects.get()
    assert f"alloy_{key.prefix}_" in page and "jobs, data" in page
    assert key.expires_at - key.created_at < timedelta(days=7, minutes=1)


@pytest.mark.parametrize("wrong", [{"scopes": ["king"]}, {"days": "9999"}, {"role": "king"}])
def test_a_wrong_wish_makes_no_key_on_the_page(
    alice: Principal, browser_of: BrowserOf, wrong: dict[str, Any]
) -> None:
    sent = {"name": "ci", "role": "member", "days": "7"} | wrong
    page = browser_of(alice).post("/accounts/keys/", sent)

    assert "Select a valid choice" in page.content.decode()
    with scope(alice.organisation.id):
        assert not ApiKey.objects.exists()


# Making one is dangerous: a browser that was left open must show again who sits there.


def test_an_old_session_makes_no_key_by_the_api(alice: Principal, client: Client) -> None:
    client.force_login(alice.user)
    fresh(client, alice, age=400)
    answer = client.post(KEYS, {"name": "x"}, JSON)

    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/sign-in-too-old")


def test_an_old_session_confirms_on_the_page_and_then_the_key_is_made(
    alice: Principal, browser_of: BrowserOf, password: str
) -> None:
    browser = fresh(browser_of(alice), alice, age=400)
    sent = {"name": "ci", "role": "member", "days": "7"}

    asked = browser.post("/accounts/keys/", sent)
    assert asked["Location"] == "/accounts/reauthenticate/?next=%2Faccounts%2Fkeys%2F"
    page = browser.post(asked["Location"], {"password": password, "next": "/accounts/keys/"})

    assert re.search(r"alloy_[0-9a-f]{8}_", page.content.decode())
