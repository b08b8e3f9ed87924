"""How often passwords, sign-ups, resets and keys may be tried: 429, and how long to wait."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.test import Client

from alloyworks.accounts import limits
from alloyworks.accounts.limits import Rate
from alloyworks.accounts.principal import Principal
from alloyworks.errors import TooMany
from tests.platform.conftest import PASSWORD

Api = Callable[[Principal], Client]
LOGIN, RESET = "/accounts/login/", "/accounts/password/reset/"


@pytest.fixture(autouse=True)
def nothing_counted(db: None) -> None:
    cache.clear()


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No window ends while a test counts in it."""
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)


def visitor(number: int = 1) -> Client:
    """Each from an address of their own."""
    return Client(REMOTE_ADDR=f"192.0.2.{number}")


def assert_too_many(answer: Any) -> None:
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 3600


def test_an_account_stands_five_wrong_passwords_from_anywhere(alice: Principal) -> None:
    wrong, right = ({"login": alice.user.email, "password": p} for p in ("no", PASSWORD))
    tried = [visitor(number).post(LOGIN, wrong).status_code for number in range(5)]

    assert tried == [200] * 5
    assert_too_many(visitor(9).post(LOGIN, right))


def test_the_account_of_somebody_else_is_not_locked_with_it(
    alice: Principal, charlie: Principal
) -> None:
    for number in range(6):
        visitor(number).post(LOGIN, {"login": alice.user.email, "password": "no"})

    right = {"login": charlie.user.email, "password": PASSWORD}
    assert visitor(9).post(LOGIN, right).status_code == 302


def test_an_address_guesses_at_many_accounts_only_so_often(alice: Principal) -> None:
    tried = [
        visitor().post(LOGIN, {"login": f"{number}@acme.example", "password": "no"})
        for number in range(21)
    ]

    assert_too_many(tried[-1])
    right = {"login": alice.user.email, "password": PASSWORD}
    assert visitor(2).post(LOGIN, right).status_code == 302


def test_an_address_can_not_hide_behind_a_header(alice: Principal) -> None:
    """X-Forwarded-For is what uvicorn believes of trusted proxies, and nothing here."""
    tried = [
        visitor().post(
            LOGIN,
            {"login": f"{number}@acme.example", "password": "no"},
            headers={"X-Forwarded-For": f"198.51.100.{number}"},
        )
        for number in range(21)
    ]

    assert_too_many(tried[-1])


def test_the_right_password_costs_nothing(alice: Principal) -> None:
    right = {"login": alice.user.email, "password": PASSWORD}

    assert {visitor().post(LOGIN, right).status_code for _ in range(8)} == {302}


def test_an_account_is_mailed_five_resets_an_hour(alice: Principal, mailoutbox: list) -> None:
    answers = [visitor(n).post(RESET, {"email": alice.user.email}) for n in range(7)]

    assert len(mailoutbox) == 5
    assert answers[-1].status_code in (302, 429)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/accounts/signup/", {"email": "no"}),
        (RESET, {"email": "nobody{}@acme.example"}),
    ],
)
def test_an_address_asks_only_so_often(path: str, fields: dict[str, str]) -> None:
    for number in range(20):
        visitor().post(path, {name: text.format(number) for name, text in fields.items()})

    assert_too_many(visitor().post(path, fields))
    assert visitor(2).post(path, fields).status_code != 429


def test_the_api_says_when_to_sign_up_again() -> None:
    answers = [visitor().post("/api/v1/signup", {}, "application/json") for _ in range(30)]
    limited = [a for a in answers if a.status_code == 429] or [
        visitor().post(
            "/api/v1/signup",
            {"organisation": "x", "email": "x@y.example", "password": "short"},
            "application/json",
        )
        for _ in range(21)
    ]

    assert_too_many(limited[-1])
    assert limited[-1].json()["type"] == "/problems/too-many"


# API keys.


def test_a_key_is_used_only_so_often(
    alice: Principal, api: Api, one_minute: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEY_USE", Rate(3))
    first, second = api(alice), api(alice)
    answers = [first.get("/api/v1/jobs") for _ in range(4)]

    assert [answer.status_code for answer in answers[:3]] == [200] * 3
    assert_too_many(answers[-1])
    assert answers[-1]["Content-Type"] == "application/problem+json"
    assert second.get("/api/v1/jobs").status_code == 200


def test_an_address_tries_wrong_keys_only_so_often(
    alice: Principal, api: Api, one_minute: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FAILED_KEYS", Rate(3))
    guess = {"Authorization": "Bearer alloy_00000000_guess"}
    answers = [Client().get("/api/v1/jobs", headers=guess) for _ in range(4)]

    assert [answer.status_code for answer in answers[:3]] == [401] * 3
    assert_too_many(answers[-1])
    assert api(alice).get("/api/v1/jobs").status_code == 200  # whoever has a key is not kept out


def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    limits.count("test", "a", Rate(1, 10))
    with pytest.raises(TooMany) as caught:
        limits.count("test", "a", Rate(1, 10))
    assert caught.value.retry_after == 10

    now += 10
    limits.count("test", "a", Rate(1, 10))


def test_zero_is_no_limit() -> None:
    for _ in range(5):
        limits.count("test", "b", Rate(0))


def test_without_valkey_keys_go_on_working(
    alice: Principal, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*words: Any, **more: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.add", away)

    assert api(alice).get("/api/v1/jobs").status_code == 200
