"""Where one is signed in: listed, ended one by one or all at once, and never fixed beforehand."""

from collections.abc import Callable
from datetime import timedelta
from time import time

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.test import Client
from django.utils import timezone

from alloyworks.accounts import keys, sessions
from alloyworks.accounts.middleware import SEEN
from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope
from tests.platform.conftest import PASSWORD

Api = Callable[[Principal], Client]
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PAGE = "/accounts/sessions/"


def signed_in(principal: Principal, address: str = "192.0.2.7", agent: str = FIREFOX) -> Client:
    """With the password, on the page."""
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": agent})
    client.post("/accounts/login/", {"login": principal.user.email, "password": PASSWORD})
    return client


def test_a_session_is_listed_with_device_and_address(alice: Principal, password: str) -> None:
    signed_in(alice, "192.0.2.8", "curl/8")
    page = signed_in(alice).get(PAGE).content.decode()

    assert "Firefox on Linux" in page and "this one" in page and "192.0.2.7" in page
    assert "curl/8" in page and "192.0.2.8" in page


def test_another_session_is_ended(alice: Principal, password: str) -> None:
    thief, browser = signed_in(alice), signed_in(alice)
    stolen = UserSession.objects.get(session_key=thief.session.session_key)

    browser.post(f"{PAGE}{stolen.id}/end/")

    assert thief.get("/datasets/").status_code == 302
    assert browser.get("/datasets/").status_code == 200


def test_nobody_ends_a_session_of_somebody_else(
    alice: Principal, charlie: Principal, password: str
) -> None:
    theirs, mine = signed_in(charlie), signed_in(alice)
    known = UserSession.objects.get(user=charlie.user)

    page = mine.post(f"{PAGE}{known.id}/end/", follow=True).content.decode()

    assert "has ended already" in page
    assert theirs.get("/datasets/").status_code == 200


def test_signing_out_everywhere_ends_all(
    alice: Principal, charlie: Principal, password: str
) -> None:
    browsers = [signed_in(alice), signed_in(alice)]
    other = signed_in(charlie)
    browsers[0].post(f"{PAGE}end/")

    assert [browser.get("/datasets/").status_code for browser in browsers] == [302, 302]
    assert other.get("/datasets/").status_code == 200


def test_signing_out_takes_it_off_the_list_and_kills_the_cookie(
    alice: Principal, password: str
) -> None:
    browser = signed_in(alice)
    cookie = browser.cookies[settings.SESSION_COOKIE_NAME].value
    browser.post("/accounts/logout/")

    replayed = Client()
    replayed.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert replayed.get("/datasets/").status_code == 302
    assert sessions.sessions_of(alice.user) == []


def test_the_key_of_a_session_changes_when_one_signs_in(alice: Principal, password: str) -> None:
    """Who planted a cookie beforehand is not signed in with it."""
    victim = Client()
    victim.session.save()
    victim.cookies[settings.SESSION_COOKIE_NAME] = planted = victim.session.session_key
    victim.post("/accounts/login/", {"login": alice.user.email, "password": password})

    attacker = Client()
    attacker.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert victim.get("/datasets/").status_code == 200
    assert victim.session.session_key != planted
    assert attacker.get("/datasets/").status_code == 302


def test_the_list_is_brought_up_to_date_by_the_minute(alice: Principal, password: str) -> None:
    browser = signed_in(alice)
    browser.get("/models/")
    long_ago = timezone.now() - timedelta(hours=1)
    UserSession.objects.update(last_seen_at=long_ago)
    browser.get("/models/")
    at_once = UserSession.objects.get().last_seen_at

    session = browser.session
    session[SEEN] = time() - 61
    session.save()
    browser.get("/models/", REMOTE_ADDR="192.0.2.99")

    later = UserSession.objects.get()
    assert at_once == long_ago
    assert later.last_seen_at > long_ago and later.ip == "192.0.2.99"


def test_the_api_lists_and_ends_them(alice: Principal, api: Api, password: str) -> None:
    browser, client = signed_in(alice), api(alice)
    [told] = client.get("/api/v1/account/sessions").json()

    assert (told["device"], told["address"]) == ("Firefox on Linux", "192.0.2.7")
    assert client.delete(f"/api/v1/account/sessions/{told['id']}").status_code == 204
    assert browser.get("/datasets/").status_code == 302
    assert client.delete(f"/api/v1/account/sessions/{told['id']}").status_code == 404


def test_the_api_signs_out_everywhere(alice: Principal, api: Api, password: str) -> None:
    browser, client = signed_in(alice), api(alice)

    assert client.delete("/api/v1/account/sessions").status_code == 204
    assert browser.get("/datasets/").status_code == 302
    assert client.get("/api/v1/account/sessions").json() == []


def test_a_narrow_key_does_not_reach_sessions(alice: Principal) -> None:
    with scope(alice.organisation.id):
        _, token = keys.create(alice, "ci", Role.OWNER, scopes=["people", "jobs", "data"])
    answer = Client().get("/api/v1/account/sessions", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403


def test_a_visitor_has_no_list(db: None) -> None:
    assert Client().get(PAGE)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15) Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18 like Mac OS X) Safari/604", "Safari on iPhone"),
        ("curl/8", "curl/8"),
        ("", "unknown"),
    ],
)
def test_a_device_is_told_in_words(agent: str, words: str) -> None:
    assert sessions.device(agent) == words
