"""Signing in and up, passwords and addresses: every page answers in our look."""

import re
from collections.abc import Callable

import pytest
from django.conf import settings
from django.core import mail
from django.core.cache import cache
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from tests.platform.conftest import PASSWORD

BrowserOf = Callable[[Principal], Client]
NEW = "another long one 12"


@pytest.fixture
def visitor(db: None) -> Client:
    cache.clear()
    return Client()


def html(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    page = answer.content.decode()
    assert 'class="shell"' in page  # our frame, not allauth's
    return page


@pytest.mark.parametrize(
    "path", ["login", "signup", "password/reset", "password/reset/done", "inactive"]
)
def test_a_visitors_account_pages_answer(visitor: Client, path: str) -> None:
    html(visitor, f"/accounts/{path}/")


@pytest.mark.parametrize("path", ["password/change", "email", "logout", "members", "keys"])
def test_a_members_account_pages_answer(browser_of: BrowserOf, alice: Principal, path: str) -> None:
    html(browser_of(alice), f"/accounts/{path}/")


@pytest.mark.parametrize("path", ["signup", "password/reset", "password/reset/done"])
def test_pages_that_send_mail_say_where_it_goes(visitor: Client, path: str) -> None:
    assert str(config.email_dir) in html(visitor, f"/accounts/{path}/")


def test_members_are_told_where_mails_go(browser_of: BrowserOf, alice: Principal) -> None:
    for path in ("members", "email"):
        assert str(config.email_dir) in html(browser_of(alice), f"/accounts/{path}/")


def test_one_signs_in_where_one_wanted_to_go(visitor: Client, alice: Principal) -> None:
    sent = {"login": alice.user.email, "password": PASSWORD, "next": "/datasets/"}
    answer = visitor.post("/accounts/login/?next=/datasets/", sent)

    assert (answer.status_code, answer["Location"]) == (302, "/datasets/")


def test_a_wrong_password_is_said_and_nothing_else(visitor: Client, alice: Principal) -> None:
    answer = visitor.post("/accounts/login/", {"login": alice.user.email, "password": "no"})

    assert 'role="alert"' in answer.content.decode()
    assert settings.SESSION_COOKIE_NAME not in visitor.cookies


def test_faults_of_a_sign_up_stand_beside_their_fields(visitor: Client) -> None:
    sent = {"organisation": "", "email": "no", "password1": "short"}
    page = visitor.post("/accounts/signup/", sent).content.decode()

    for field in ("organisation", "email", "password1"):
        assert f'id="id_{field}_error"' in page
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', page)


def test_a_forgotten_password_is_replaced_by_mail(visitor: Client, alice: Principal) -> None:
    visitor.post("/accounts/password/reset/", {"email": alice.user.email})
    link = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[-1].body)[0]

    page = visitor.get(link, follow=True)
    form = page.redirect_chain[-1][0]
    done = visitor.post(form, {"password1": NEW, "password2": NEW}, follow=True)

    assert "Your password is changed" in done.content.decode()
    assert visitor.login(request=None, email=alice.user.email, password=NEW)
    assert "This link does not work any more" in html(Client(), link)


def test_a_password_is_changed(browser_of: BrowserOf, alice: Principal) -> None:
    browser = browser_of(alice)
    sent = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    browser.post("/accounts/password/change/", sent)

    alice.user.refresh_from_db()
    assert alice.user.check_password(NEW)


def test_an_address_is_confirmed_by_mail(visitor: Client) -> None:
    sent = {"organisation": "Initech", "email": "d@initech.example", "password1": NEW}
    page = visitor.post("/accounts/signup/", sent, follow=True).content.decode()
    link = re.search(r"/accounts/confirm-email/\S+", mail.outbox[-1].body)[0]

    assert "The mail that confirms d@initech.example was written to" in page
    assert "It is mine" in html(visitor, link)
    visitor.post(link)
    assert "not confirmed" not in html(visitor, "/accounts/email/")


def test_signing_out_is_asked_once_more_where_it_is_a_link(
    browser_of: BrowserOf, alice: Principal
) -> None:
    browser = browser_of(alice)

    assert "Sign out?" in html(browser, "/accounts/logout/")
    browser.post("/accounts/logout/")
    assert browser.get("/datasets/").status_code == 302


@pytest.mark.parametrize("path", ["members", "keys"])
def test_a_dangerous_action_is_asked_about_first(
    browser_of: BrowserOf, alice: Principal, bob: Principal, path: str
) -> None:
    browser = browser_of(alice)
    browser.post("/accounts/keys/", {"name": "laptop", "role": "viewer", "days": "30"})
    page = html(browser, f"/accounts/{path}/")

    for opened in re.findall(r'command="show-modal" commandfor="([^"]+)"', page):
        assert f'<dialog class="dialog" id="{opened}"' in page
    assert page.count("<dialog") == page.count("show-modal") > 0


def test_a_viewer_sees_members_and_may_only_leave(browser_of: BrowserOf, vera: Principal) -> None:
    page = html(browser_of(vera), "/accounts/members/")

    assert "alice@acme.example" in page and "Leave" in page
    assert "Invite somebody" not in page and "<select" not in page
