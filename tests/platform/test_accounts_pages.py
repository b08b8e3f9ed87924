"""The account pages: forms in, redirects and words out."""

import re
from collections.abc import Callable

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from alloyworks.accounts import invitations, members
from alloyworks.accounts.models import Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.tenancy import scope

BrowserOf = Callable[[Principal], Client]


@pytest.fixture
def visitor(db: None) -> Client:
    cache.clear()
    return Client()


def sign_up(client: Client, **changes: str) -> None:
    fields = {"organisation": "Initech", "email": "d@initech.example", "password1": "a long one 12"}
    client.post("/accounts/signup/", fields | changes)


def test_signing_up_on_the_page_makes_person_and_organisation(visitor: Client) -> None:
    sign_up(visitor)

    shown = visitor.get("/api/v1/organisation").json()
    assert (shown["name"], shown["role"]) == ("Initech", "owner")


@pytest.mark.parametrize("wrong", [{"organisation": " "}, {"email": "no"}, {"password1": "short"}])
def test_a_wrong_sign_up_leaves_nothing(visitor: Client, wrong: dict[str, str]) -> None:
    sign_up(visitor, **wrong)

    assert not User.objects.exists()


def invite(browser: Client, commit, email: str = "dora@acme.example") -> str:
    """The path that the mail tells."""
    with commit(execute=True):
        browser.post("/accounts/members/", {"email": email, "role": "member"})
    return re.search(r"/accounts/invitations/[^/]+/", mail.outbox[-1].body)[0]


def test_an_invited_newcomer_joins_and_is_signed_in(
    browser_of: BrowserOf, alice: Principal, visitor: Client, django_capture_on_commit_callbacks
) -> None:
    path = invite(browser_of(alice), django_capture_on_commit_callbacks)

    assert "Acme" in visitor.get(path).content.decode()
    visitor.post(path, {"name": "Dora", "password": "a long one 12"})

    assert visitor.get("/api/v1/organisation").json()["role"] == "member"


def test_who_is_signed_in_joins_and_switches(
    browser_of: BrowserOf, alice: Principal, charlie: Principal, django_capture_on_commit_callbacks
) -> None:
    path = invite(browser_of(alice), django_capture_on_commit_callbacks)
    browser = Client()
    browser.force_login(charlie.user)

    browser.post(path)
    assert browser.get("/api/v1/organisation").json()["name"] == "Acme"
    browser.post("/accounts/switch/", {"organisation": str(charlie.organisation.id)})
    assert browser.get("/api/v1/organisation").json()["name"] == "Globex"


@pytest.mark.parametrize("chosen", ["", "nonsense", "theirs"])
def test_nobody_switches_to_an_organisation_that_is_not_theirs(
    browser_of: BrowserOf, alice: Principal, charlie: Principal, chosen: str
) -> None:
    browser = browser_of(alice)
    wanted = str(charlie.organisation.id) if chosen == "theirs" else chosen

    browser.post("/accounts/switch/", {"organisation": wanted})

    assert browser.get("/api/v1/organisation").json()["name"] == "Acme"


def test_a_refused_invitation_says_why_on_the_page(
    browser_of: BrowserOf, alice: Principal, bob: Principal
) -> None:
    page = browser_of(alice).post("/accounts/members/", {"email": bob.user.email, "role": "member"})

    assert "is a member of Acme already" in page.content.decode()


def test_a_role_is_changed_on_the_page(
    browser_of: BrowserOf, alice: Principal, bob: Principal
) -> None:
    browser_of(alice).post(f"/accounts/members/{bob.user.id}/role/", {"role": "admin"})

    with scope(alice.organisation.id):
        assert members.members_of(alice).get(user=bob.user).role == Role.ADMIN


def test_a_problem_of_a_button_is_said_on_the_page(browser_of: BrowserOf, alice: Principal) -> None:
    browser = browser_of(alice)

    browser.post(f"/accounts/members/{alice.user.id}/remove/")

    assert "last owner" in browser.get("/accounts/members/").content.decode()


def test_an_invitation_is_withdrawn_on_the_page(
    browser_of: BrowserOf, alice: Principal, django_capture_on_commit_callbacks
) -> None:
    browser = browser_of(alice)
    invite(browser, django_capture_on_commit_callbacks)
    with scope(alice.organisation.id):
        pending = invitations.pending(alice).get()

    browser.post(f"/accounts/invitations/{pending.id}/withdraw/")

    with scope(alice.organisation.id):
        assert not invitations.pending(alice).exists()


def test_a_key_made_on_the_page_is_shown_once_and_can_be_revoked(
    browser_of: BrowserOf, alice: Principal
) -> None:
    browser = browser_of(alice)
    page = browser.post(
        "/accounts/keys/", {"name": "laptop", "role": "viewer", "days": "30"}
    ).content.decode()
    token = re.search(r"alloy_\w{8}_[\w-]{43}", page)[0]
    headers = {"Authorization": f"Bearer {token}"}

    again = browser.get("/accounts/keys/").content.decode()
    assert Client().get("/api/v1/organisation", headers=headers).status_code == 200
    assert token not in again
    browser.post(re.search(r"/accounts/keys/[^/]+/revoke/", again)[0])
    assert Client().get("/api/v1/organisation", headers=headers).status_code == 401
