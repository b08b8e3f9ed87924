"""What goes by mail: confirming an address, changing it, and a new password."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from alloyworks.accounts.models import User
from alloyworks.accounts.principal import Principal
from tests.platform.conftest import PASSWORD, fresh

BrowserOf = Callable[[Principal], Client]
NEW = "another long one 12"
RESET, EMAIL = "/accounts/password/reset/", "/accounts/email/"


@pytest.fixture(autouse=True)
def nothing_counted(db: None) -> None:
    cache.clear()


@pytest.fixture
def visitor() -> Client:
    return Client()


def link(path: str) -> str:
    """The last mail's link to below this path."""
    return re.search(rf"{path}\S+", mail.outbox[-1].body)[0]


def signs_in(email: str, password: str) -> bool:
    """Whether signing in on the page opens the platform."""
    client = Client()
    client.post("/accounts/login/", {"login": email, "password": password})
    return client.get("/datasets/").status_code == 200


def choose_new(visitor: Client, path: str) -> str:
    """What the page says of a new password that is typed in after a link."""
    form = visitor.get(path, follow=True)
    at = form.redirect_chain[-1][0] if form.redirect_chain else path
    return visitor.post(at, {"password1": NEW, "password2": NEW}, follow=True).content.decode()


# A new password.


def test_a_reset_says_the_same_of_an_unknown_address(visitor: Client, alice: Principal) -> None:
    known = visitor.post(RESET, {"email": alice.user.email}, follow=True)
    unknown = visitor.post(RESET, {"email": "nobody@acme.example"}, follow=True)

    assert known.redirect_chain == unknown.redirect_chain
    assert _without_token(known) == _without_token(unknown)
    assert [message.to for message in mail.outbox] == [[alice.user.email], ["nobody@acme.example"]]
    assert "There is no account" in mail.outbox[-1].body


def test_a_wrong_password_says_the_same_of_an_unknown_address(
    visitor: Client, alice: Principal
) -> None:
    pages = [
        visitor.post("/accounts/login/", {"login": email, "password": "no"})
        for email in (alice.user.email, "nobody@acme.example")
    ]

    words = [
        re.search(r'role="alert">.*?</div>', _without_token(page), re.DOTALL)[0] for page in pages
    ]
    assert words[0] == words[1]


def test_a_reset_link_works_once(visitor: Client, alice: Principal) -> None:
    visitor.post(RESET, {"email": alice.user.email})
    path = link("/accounts/password/reset/key/")

    assert "Your password is changed" in choose_new(visitor, path)
    assert "does not work any more" in Client().get(path).content.decode()
    assert signs_in(alice.user.email, NEW)


def test_a_reset_link_works_for_an_hour(
    visitor: Client, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.post(RESET, {"email": alice.user.email})
    path = link("/accounts/password/reset/key/")
    now = PasswordResetTokenGenerator()._now()
    late = now + timedelta(minutes=61)
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: late)

    assert "does not work any more" in visitor.get(path).content.decode()


def test_a_changed_address_kills_the_reset_link(visitor: Client, alice: Principal) -> None:
    visitor.post(RESET, {"email": alice.user.email})
    User.objects.filter(id=alice.user.id).update(email="new@acme.example")

    page = visitor.get(link("/accounts/password/reset/key/")).content.decode()
    assert "does not work any more" in page


def test_a_new_password_ends_all_sessions(visitor: Client, alice: Principal) -> None:
    thief = Client()
    thief.force_login(alice.user)
    visitor.post(RESET, {"email": alice.user.email})
    choose_new(visitor, link("/accounts/password/reset/key/"))

    assert thief.get("/datasets/").status_code == 302


def test_changing_the_password_ends_the_other_sessions_and_is_mailed(
    browser_of: BrowserOf, alice: Principal
) -> None:
    thief, browser = Client(), browser_of(alice)
    thief.force_login(alice.user)
    sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    browser.post("/accounts/password/change/", sent)

    assert thief.get("/datasets/").status_code == 302
    assert browser.get("/datasets/").status_code == 200
    assert mail.outbox[-1].to == [alice.user.email]
    assert "Your account was changed" in mail.outbox[-1].body


# Another address.


def change_to(browser: Client, email: str) -> Any:
    return browser.post(EMAIL, {"action_add": "", "email": email})


def test_a_new_address_counts_once_it_is_confirmed(browser_of: BrowserOf, alice: Principal) -> None:
    browser = browser_of(alice)
    change_to(browser, "New@Acme.example")
    before = User.objects.get().email
    path = link("/accounts/confirm-email/")
    browser.post(path)

    assert (before, User.objects.get().email) == (alice.user.email, "new@acme.example")
    assert [row.email for row in EmailAddress.objects.all()] == ["new@acme.example"]
    assert signs_in("new@acme.example", PASSWORD)
    assert not signs_in("alice@acme.example", PASSWORD)


def test_the_old_address_hears_of_the_change(browser_of: BrowserOf, alice: Principal) -> None:
    EmailAddress.objects.update(verified=True)
    browser = browser_of(alice)
    change_to(browser, "new@acme.example")
    browser.post(link("/accounts/confirm-email/"))

    assert ["alice@acme.example"] in [message.to for message in mail.outbox]


def test_an_open_change_can_be_dropped(browser_of: BrowserOf, alice: Principal) -> None:
    EmailAddress.objects.update(verified=True)
    browser = browser_of(alice)
    change_to(browser, "new@acme.example")
    path = link("/accounts/confirm-email/")
    assert "new@acme.example" in browser.get(EMAIL).content.decode()

    browser.post(EMAIL, {"action_remove": "", "email": "new@acme.example"})
    browser.post(path)

    assert User.objects.get().email == alice.user.email


def test_of_two_wishes_the_later_one_counts(browser_of: BrowserOf, alice: Principal) -> None:
    browser = browser_of(alice)
    change_to(browser, "first@acme.example")
    first = link("/accounts/confirm-email/")
    change_to(browser, "second@acme.example")
    browser.post(first)
    assert User.objects.get().email == alice.user.email

    browser.post(link("/accounts/confirm-email/"))
    assert User.objects.get().email == "second@acme.example"


def test_an_address_of_somebody_else_looks_like_any_other(
    browser_of: BrowserOf, alice: Principal, charlie: Principal
) -> None:
    EmailAddress.objects.update(verified=True)
    browser = browser_of(alice)
    answers = []
    for email in (charlie.user.email, "x@acme.example"):
        change_to(browser, email)
        answers.append(_without_token(browser.get(EMAIL)).replace(email, "…"))

    said = [re.search(r'<div class="notices".*?</main>', page, re.DOTALL)[0] for page in answers]
    assert "A mail that confirms …" in said[0] or "was written to" in said[0]
    assert said[0].split("</div>")[:2] == said[1].split("</div>")[:2]
    assert [message.to for message in mail.outbox] == [[charlie.user.email], ["x@acme.example"]]
    assert "There is one already" in mail.outbox[0].body
    assert EmailAddress.objects.filter(email=charlie.user.email).count() == 1


@pytest.mark.parametrize("path", ["/accounts/signup/", "/api/v1/signup"])
def test_an_address_that_somebody_only_wants_is_free_and_stays_with_who_has_it_first(
    browser_of: BrowserOf, alice: Principal, path: str
) -> None:
    browser, newcomer = browser_of(alice), Client()
    change_to(browser, "d@initech.example")
    wanted = link("/accounts/confirm-email/")
    if "api" in path:
        body = {"organisation": "Initech", "email": "d@initech.example", "password": NEW}
        newcomer.post(path, body, "application/json")
    else:
        sign_up(newcomer)
    page = browser.post(wanted, follow=True)

    assert page.status_code == 404  # the link is dead
    assert signs_in("d@initech.example", NEW)
    alice.user.refresh_from_db()
    assert alice.user.email == "alice@acme.example"


def test_an_old_session_changes_no_address(browser_of: BrowserOf, alice: Principal) -> None:
    browser = fresh(browser_of(alice), alice, age=400)

    assert "/accounts/reauthenticate/" in change_to(browser, "new@acme.example")["Location"]
    assert EmailAddress.objects.count() == 1


# Confirming, as the deployment demands it.


def sign_up(client: Client, **changes: str) -> Any:
    fields = {"organisation": "Initech", "email": "d@initech.example", "password1": NEW}
    return client.post("/accounts/signup/", fields | changes, follow=True)


def test_a_confirmation_works_once_and_for_a_day(visitor: Client, settings: Settings) -> None:
    sign_up(visitor)
    path = link("/accounts/confirm-email/")
    settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 0
    assert "does not work any more" in visitor.get(path).content.decode()
    settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
    visitor.post(path)

    assert EmailAddress.objects.get().verified
    assert "does not work any more" in Client().get(path).content.decode()


def test_without_verification_nothing_is_mailed(visitor: Client, settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    sign_up(visitor)

    assert visitor.get("/datasets/").status_code == 200
    assert mail.outbox == []


class TestMandatory:
    """Nobody is let in, and nobody is told which addresses have accounts."""

    @pytest.fixture(autouse=True)
    def demanded(self, settings: Settings) -> None:
        settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"

    def test_who_signs_up_confirms_first(self, visitor: Client) -> None:
        page = sign_up(visitor)

        assert "Look into your mail" in page.content.decode()
        assert not signs_in("d@initech.example", NEW)
        visitor.post(link("/accounts/confirm-email/"))
        assert signs_in("d@initech.example", NEW)

    def test_a_taken_address_looks_like_a_free_one(self, visitor: Client, alice: Principal) -> None:
        free, taken = sign_up(visitor), sign_up(Client(), email=alice.user.email)

        assert free.redirect_chain == taken.redirect_chain
        assert "There is one already" in mail.outbox[-1].body

    def test_the_api_answers_alike_and_gives_no_key(
        self, visitor: Client, alice: Principal
    ) -> None:
        answers = []
        for email in ("d@initech.example", alice.user.email):
            body = {"organisation": "Initech", "email": email, "password": NEW}
            answer = visitor.post("/api/v1/signup", body, "application/json")
            answers.append((answer.status_code, answer.content.decode().replace(email, "…")))

        assert answers[0] == answers[1]
        assert (answers[0][0], "api_key" in answers[0][1]) == (202, False)
        assert "There is one already" in mail.outbox[-1].body

    def test_who_signs_up_by_the_api_confirms_and_signs_in(self, visitor: Client) -> None:
        body = {"organisation": "Initech", "email": "d@initech.example", "password": NEW}
        visitor.post("/api/v1/signup", body, "application/json")
        assert not signs_in("d@initech.example", NEW)

        visitor.post(link("/accounts/confirm-email/"))
        assert signs_in("d@initech.example", NEW)


def _without_token(page: Any) -> str:
    """Without what differs each time, and what the visitor typed."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.content.decode())
    return re.sub(r'value="[^"]*@[^"]*"', "", text)
