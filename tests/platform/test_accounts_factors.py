"""Authenticator apps, recovery codes, and organisations that demand a second factor."""

import re
from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, yield_hotp_counters_from_time
from allauth.mfa.totp.internal.auth import hotp_value as value_at
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from alloyworks.accounts import factors, organisations
from alloyworks.accounts.models import AuditEntry, Organisation, User
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Conflict, Forbidden
from alloyworks.tenancy import scope
from tests.platform.conftest import PASSWORD, fresh

Api = Callable[[Principal], Client]
BrowserOf = Callable[[Principal], Client]
INDEX, APP = "/accounts/2fa/", "/accounts/2fa/totp/activate/"
SECRET = "JBSWY3DPEHPK3PXP"  # of everybody's authenticator app here
JSON = "application/json"


@pytest.fixture(autouse=True)
def nothing_counted(database: None) -> None:
    """A code counts once: the cache remembers it."""
    cache.clear()


def code(secret: str = SECRET) -> str:
    """What the app shows now."""
    return format_hotp_value(value_at(secret, next(iter(yield_hotp_counters_from_time()))))


def with_app(user: User) -> User:
    TOTP.activate(user, SECRET)
    return user


def typed_password(principal: Principal) -> Client:
    """A browser that has come as far as the password brings it."""
    client = Client()
    sent = {"login": principal.user.email, "password": PASSWORD}
    client.post("/accounts/login/", sent)
    return client


def is_in(client: Client) -> bool:
    return client.get("/datasets/").status_code == 200


def shown_codes(browser: Client) -> list[str]:
    page = browser.get("/accounts/2fa/recovery-codes/").content.decode()
    return re.findall(r"\b\d{8}\b", page)


# Setting up, signing in, switching off.


def test_an_app_is_set_up_and_gives_recovery_codes(
    committed_db: None, browser_of: BrowserOf, alice: Principal
) -> None:
    browser = browser_of(alice)
    page = browser.get(APP).content.decode()
    secret = re.search(r'id="secret">(\w+)<', page)[1]
    assert 'src="data:image/svg+xml' in page

    browser.post(APP, {"code": code(secret)})

    assert len(shown_codes(browser)) == 10
    assert "Switch it off" in browser.get(INDEX).content.decode()
    assert any("Your account was changed" in message.body for message in mail.outbox)


def test_a_wrong_code_sets_nothing_up(browser_of: BrowserOf, alice: Principal) -> None:
    browser = browser_of(alice)
    browser.get(APP)
    page = browser.post(APP, {"code": "000000"}).content.decode()

    assert "Incorrect code" in page
    assert not Authenticator.objects.exists()


def test_the_secret_is_not_in_the_database_as_it_is(alice: Principal) -> None:
    with_app(alice.user)

    stored = Authenticator.objects.get().data["secret"]
    assert SECRET not in stored
    assert Authenticator.objects.get().wrap().validate_code(code())


def test_under_another_secret_key_no_code_matches(alice: Principal, settings: Settings) -> None:
    with_app(alice.user)
    settings.SECRET_KEY = "another one, as an operator may set it"
    client = typed_password(alice)
    page = client.post("/accounts/2fa/authenticate/", {"code": code()})

    assert "Incorrect code" in page.content.decode()
    assert not is_in(client)


def test_the_password_alone_does_not_sign_in_any_more(alice: Principal) -> None:
    with_app(alice.user)
    client = typed_password(alice)

    assert not is_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": code()})
    assert is_in(client)


def test_a_code_counts_once(alice: Principal) -> None:
    with_app(alice.user)
    now = code()
    first, second = typed_password(alice), typed_password(alice)
    first.post("/accounts/2fa/authenticate/", {"code": now})
    second.post("/accounts/2fa/authenticate/", {"code": now})

    assert (is_in(first), is_in(second)) == (True, False)


def test_the_step_of_the_code_is_not_skipped_nor_reached_without_the_password(
    alice: Principal,
) -> None:
    with_app(alice.user)
    client = Client()
    client.post("/accounts/2fa/authenticate/", {"code": code()})

    assert not is_in(client)


def test_codes_are_guessed_only_five_times(alice: Principal) -> None:
    with_app(alice.user)
    client = typed_password(alice)
    pages = [client.post("/accounts/2fa/authenticate/", {"code": "000000"}) for _ in range(6)]

    assert "Incorrect code" in pages[4].content.decode()
    assert "Incorrect code" not in pages[5].content.decode()
    client.post("/accounts/2fa/authenticate/", {"code": code()})
    assert not is_in(client)


def test_a_recovery_code_lets_in_once(
    committed_db: None, browser_of: BrowserOf, alice: Principal
) -> None:
    with_app(alice.user)
    browser = browser_of(alice)
    browser.post("/accounts/2fa/recovery-codes/generate/")
    spare = shown_codes(browser)[0]

    entered = []
    for _ in range(2):
        client = typed_password(alice)
        client.post("/accounts/2fa/authenticate/", {"code": spare})
        entered.append(is_in(client))
    assert entered == [True, False]


def test_a_new_password_by_mail_does_not_bring_past_the_second_factor(alice: Principal) -> None:
    with_app(alice.user)
    client = Client()
    client.post("/accounts/password/reset/", {"email": alice.user.email})
    path = re.search(r"/accounts/password/reset/key/\S+", mail.outbox[-1].body)[0]
    form = client.get(path, follow=True).redirect_chain[-1][0]
    client.post(form, {"password1": "another long one 12", "password2": "another long one 12"})

    assert not is_in(client)


@pytest.mark.parametrize("path", [APP, "/accounts/2fa/webauthn/add/"])
def test_an_old_session_changes_no_factor(
    browser_of: BrowserOf, alice: Principal, path: str
) -> None:
    browser = fresh(browser_of(alice), alice, age=400)

    assert browser.get(path)["Location"].startswith("/accounts/reauthenticate/")


def test_an_app_is_switched_off_by_somebody_who_confirms(
    browser_of: BrowserOf, alice: Principal
) -> None:
    with_app(alice.user)
    browser = fresh(browser_of(alice), alice, age=400)
    path = "/accounts/2fa/totp/deactivate/"

    asked = browser.post(path)["Location"]
    assert asked.startswith("/accounts/reauthenticate/") and Authenticator.objects.exists()
    browser.post(asked, {"password": PASSWORD, "next": path})
    assert not Authenticator.objects.exists()


def test_a_code_confirms_too(browser_of: BrowserOf, alice: Principal) -> None:
    with_app(alice.user)
    browser = fresh(browser_of(alice), alice, age=400)
    assert "Use a code" in browser.get("/accounts/reauthenticate/").content.decode()
    browser.post("/accounts/2fa/reauthenticate/", {"code": code()})

    assert browser.get("/accounts/2fa/webauthn/add/").status_code == 200


@pytest.mark.parametrize("path", ["", "totp/activate/", "webauthn/", "webauthn/add/"])
def test_the_pages_are_ours(browser_of: BrowserOf, alice: Principal, path: str) -> None:
    page = browser_of(alice).get(f"{INDEX}{path}").content.decode()

    assert 'class="shell"' in page
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=", page)


def test_changes_are_in_the_audit_log(browser_of: BrowserOf, alice: Principal) -> None:
    with_app(alice.user)
    browser_of(alice).post("/accounts/2fa/totp/deactivate/")
    typed_password(alice)

    with scope(alice.organisation.id):
        told = list(AuditEntry.objects.filter(action="person.mfa_remove"))
    assert [entry.details for entry in told] == [{"factor": "totp"}]


# An organisation that demands one.


@pytest.fixture
def strict(alice: Principal) -> Principal:
    """The owner of an organisation that demands a second factor, who has one."""
    with_app(alice.user)
    with scope(alice.organisation.id):
        organisations.demand_mfa(alice, True)
    return alice


def test_who_has_none_is_led_to_setting_one_up(
    strict: Principal, bob: Principal, browser_of: BrowserOf
) -> None:
    browser = browser_of(bob)

    for path in ("/", "/datasets/", "/accounts/members/"):
        assert browser.get(path)["Location"] == INDEX
    page = browser.get(INDEX).content.decode()
    assert "Acme demands a second factor" in page


def test_who_has_none_is_refused_by_the_api_too(
    strict: Principal, bob: Principal, api: Api, browser_of: BrowserOf
) -> None:
    for client in (api(bob), browser_of(bob)):
        answer = client.get("/api/v1/jobs")
        assert (answer.status_code, answer.json()["type"]) == (
            403,
            "/problems/second-factor-missing",
        )


def test_who_sets_one_up_works_on(
    strict: Principal, bob: Principal, api: Api, browser_of: BrowserOf
) -> None:
    with_app(bob.user)

    assert api(bob).get("/api/v1/jobs").status_code == 200
    assert browser_of(bob).get("/datasets/").status_code == 200


def test_other_organisations_are_not_concerned(
    strict: Principal, charlie: Principal, api: Api
) -> None:
    assert api(charlie).get("/api/v1/jobs").status_code == 200


def test_the_last_factor_can_not_be_dropped(strict: Principal, browser_of: BrowserOf) -> None:
    page = browser_of(strict).post("/accounts/2fa/totp/deactivate/").content.decode()

    assert "cannot deactivate" in page
    assert factors.has_second(strict.user)


def test_recovery_codes_are_no_second_factor(bob: Principal, strict: Principal) -> None:
    Authenticator.objects.create(user=bob.user, type="recovery_codes", data={})

    assert not factors.has_second(bob.user)


def test_an_owner_without_one_can_not_demand_it(alice: Principal, api: Api) -> None:
    answer = api(alice).patch("/api/v1/organisation", {"requires_mfa": True}, JSON)

    assert answer.status_code == 409
    with scope(alice.organisation.id), pytest.raises(Conflict):
        organisations.demand_mfa(alice, True)


def test_only_owners_demand_it(alice: Principal, bob: Principal) -> None:
    with scope(alice.organisation.id), pytest.raises(Forbidden):
        organisations.demand_mfa(bob, True)


def test_it_is_demanded_on_the_page_by_somebody_who_is_there(
    alice: Principal, browser_of: BrowserOf
) -> None:
    with_app(alice.user)
    browser = fresh(browser_of(alice), alice, age=400)
    path, sent = "/accounts/organisation/mfa/", {"demanded": "yes"}
    assert "reauthenticate" in browser.post(path, sent)["Location"]

    browser = fresh(browser, alice)
    browser.post(path, sent)
    assert "demanded" in browser.get("/accounts/organisation/").content.decode()
    with scope(alice.organisation.id):
        assert Organisation.objects.get().requires_mfa


def test_an_organisation_is_renamed_on_the_page(alice: Principal, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    wrong = browser.post("/accounts/organisation/", {"name": " "}).content.decode()
    browser.post("/accounts/organisation/", {"name": "Acme Ltd"})

    assert "This field is required" in wrong
    assert browser.get("/api/v1/organisation").json()["name"] == "Acme Ltd"


def test_an_old_session_makes_nobody_an_owner(
    alice: Principal, bob: Principal, browser_of: BrowserOf
) -> None:
    browser = fresh(browser_of(alice), alice, age=400)
    path = f"/accounts/members/{bob.user.id}/role/"
    api_path = f"/api/v1/organisation/members/{bob.user.id}"

    assert "reauthenticate" in browser.post(path, {"role": "owner"})["Location"]
    assert browser.patch(api_path, {"role": "owner"}, JSON).status_code == 403
    assert browser.post(path, {"role": "viewer"})["Location"] == "/accounts/members/"
