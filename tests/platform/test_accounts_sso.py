"""Single sign-on, against a provider that really speaks OpenID Connect."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import oidc_provider_mock
import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from alloyworks.accounts import sso
from alloyworks.accounts.models import AuditEntry, Membership, Role, User
from alloyworks.accounts.principal import Principal
from alloyworks.config import config, load
from alloyworks.errors import Forbidden
from alloyworks.tenancy import scope
from alloyworks.web.middleware import policy
from tests.platform.conftest import PASSWORD, fresh

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:authlib")
START, LINKED = "/accounts/oidc/sso/login/", "/accounts/sso/"


class Provider:
    """Who signs in there next, and what it says of them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def knows(self, sub: str, **claims: Any) -> None:
        """A person with a verified address, unless the claims say else."""
        told = {"email": f"{sub}@acme.example", "email_verified": True, "name": sub.title()}
        httpx.put(f"{self.url}/users/{sub}", json=told | claims).raise_for_status()

    def sign_in(self, client: Client, sub: str, start: str = START) -> Any:
        """From the button on our page, to the provider and back."""
        to_provider = client.post(start)["Location"]
        back = httpx.post(to_provider, data={"sub": sub}).headers["Location"]
        parts = urlsplit(back)
        return client.get(f"{parts.path}?{parts.query}")


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def provider(
    running: str, db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Provider:
    """A deployment that trusts it."""
    cache.clear()
    app = {"provider_id": "sso", "name": "Acme ID", "client_id": "alloyworks", "secret": "s"}
    app["settings"] = {"server_url": running}  # type: ignore[assignment]
    known = {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": known}
    monkeypatch.setattr(config, "oidc_issuer", running)
    monkeypatch.setattr(config, "oidc_name", "Acme ID")
    return Provider(running)


@pytest.fixture
def home(alice: Principal, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Principal:
    """The owner of the organisation that newcomers join."""
    monkeypatch.setattr(config, "oidc_organisation", alice.organisation.id)
    return alice


def is_in(client: Client) -> bool:
    return client.get("/datasets/").status_code == 200


def memberships(principal: Principal) -> dict[str, str]:
    with scope(principal.organisation.id):
        found = Membership.objects.select_related("user")
        return {row.user.email: row.role for row in found}


def test_the_sign_in_page_has_a_button(provider: Provider) -> None:
    assert "Sign in with Acme ID" in Client().get("/accounts/login/").content.decode()


def test_without_a_provider_there_is_none(db: None) -> None:
    assert START not in Client().get("/accounts/login/").content.decode()
    assert Client().post(START).status_code == 404


def test_the_policy_lets_the_button_lead_to_the_provider_and_nowhere_else() -> None:
    assert "form-action 'self';" in policy(None)
    led = policy("https://login.acme.example:8443/realms/acme")
    assert "form-action 'self' https://login.acme.example:8443;" in led


def test_a_provider_that_does_not_know_us_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOY_OIDC_ISSUER", "https://login.acme.example")

    with pytest.raises(SystemExit, match="ALLOY_OIDC_CLIENT_ID"):
        load()


def test_a_newcomer_joins_the_organisation_with_its_role(
    provider: Provider, home: Principal
) -> None:
    provider.knows("dora")
    client = Client()
    provider.sign_in(client, "dora")

    assert is_in(client)
    assert memberships(home)["dora@acme.example"] == "member"
    user = User.objects.get(email="dora@acme.example")
    assert (user.name, user.has_usable_password()) == ("Dora", False)
    assert user.emailaddress_set.get().verified
    with scope(home.organisation.id):
        told = AuditEntry.objects.filter(actor=user.email).order_by("id")
        assert [entry.action for entry in told] == ["member.join", "person.sign_in"]


PASSWORD_PAGE = "/accounts/password/set/"


@pytest.mark.parametrize("path", [PASSWORD_PAGE, "/accounts/2fa/webauthn/add/"])
def test_who_has_no_password_signs_in_there_again_before_dangerous_acts(
    provider: Provider, home: Principal, path: str
) -> None:
    provider.knows("dora")
    client = Client()
    provider.sign_in(client, "dora")
    assert client.get(path).status_code == 200

    dora = Principal(User.objects.get(email="dora@acme.example"), home.organisation, Role.MEMBER)
    old = fresh(client, dora, age=400).get(path)
    assert old.status_code == 403
    assert "sign in again by single sign-on" in old.content.decode()


def test_who_came_by_single_sign_on_may_set_a_password(provider: Provider, home: Principal) -> None:
    provider.knows("dora")
    client = Client()
    provider.sign_in(client, "dora")
    client.post(PASSWORD_PAGE, {"password1": PASSWORD, "password2": PASSWORD})

    assert is_in(client)
    assert User.objects.get(email="dora@acme.example").check_password(PASSWORD)


def test_who_comes_again_is_the_same_person(provider: Provider, home: Principal) -> None:
    provider.knows("dora")
    provider.sign_in(Client(), "dora")
    provider.knows("dora", email="dora.new@acme.example")
    again = Client()
    provider.sign_in(again, "dora")

    assert is_in(again)
    assert SocialAccount.objects.count() == 1


def test_whoever_was_removed_is_not_let_back_in(provider: Provider, home: Principal) -> None:
    provider.knows("dora")
    provider.sign_in(Client(), "dora")
    with scope(home.organisation.id):
        Membership.objects.filter(user__email="dora@acme.example").delete()
    again = Client()
    provider.sign_in(again, "dora")

    assert not is_in(again)
    assert "dora@acme.example" not in memberships(home)


def test_a_newcomer_without_an_organisation_belongs_nowhere(provider: Provider) -> None:
    provider.knows("dora")
    client = Client()
    provider.sign_in(client, "dora")

    assert "You belong to no organisation" in client.get("/").content.decode()


@pytest.mark.parametrize("said", [False, "false", "true", None, 1])
def test_an_address_that_is_not_verified_is_refused(
    provider: Provider, home: Principal, said: Any
) -> None:
    provider.knows("eve", email_verified=said)
    client = Client()
    answer = provider.sign_in(client, "eve")

    assert answer.status_code == 403
    assert "has not verified" in answer.content.decode()
    assert not is_in(client)
    assert not User.objects.filter(email="eve@acme.example").exists()


@pytest.mark.parametrize(
    ("email", "enters"),
    [
        ("dora@acme.example", True),
        ("dora@ACME.example", True),
        ("dora@evil.example", False),
        ("dora@sub.acme.example", False),
        ("dora@acme.example.evil.example", False),
        ("dora@notacme.example", False),
    ],
)
def test_only_addresses_of_the_domains_are_let_in(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, email: str, enters: bool
) -> None:
    monkeypatch.setattr(config, "oidc_domains", "globex.example, acme.example")
    provider.knows("dora", email=email)
    provider.sign_in(Client(), "dora")

    assert User.objects.filter(email=email.lower()).exists() == enters


def test_an_address_without_any_at_is_refused(provider: Provider) -> None:
    provider.knows("dora", email="")

    assert provider.sign_in(Client(), "dora").status_code == 403


def test_an_account_that_exists_is_not_taken_over(provider: Provider, home: Principal) -> None:
    provider.knows("alice", email=home.user.email)
    client = Client()
    page = client.get(provider.sign_in(client, "alice")["Location"]).content.decode()

    assert "There is an account for alice@acme.example already" in page
    assert not is_in(client)
    assert not SocialAccount.objects.exists()


def test_an_address_that_somebody_only_wants_keeps_nobody_out(
    provider: Provider, home: Principal
) -> None:
    browser = signed_in(home)
    browser.post("/accounts/email/", {"action_add": "", "email": "dora@acme.example"})
    provider.knows("dora")
    client = Client()
    provider.sign_in(client, "dora")

    assert is_in(client)


def signed_in(principal: Principal) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": principal.user.email, "password": PASSWORD})
    return client


def test_its_owner_links_it_and_signs_in_with_it(provider: Provider, home: Principal) -> None:
    provider.knows("alice", email=home.user.email)
    browser = signed_in(home)
    provider.sign_in(browser, "alice", f"{START}?process=connect")
    client = Client()
    provider.sign_in(client, "alice")

    assert "Unlink" in browser.get(LINKED).content.decode()
    assert is_in(client)
    with scope(home.organisation.id):
        assert AuditEntry.objects.filter(action="person.sso_link").count() == 1


def test_linking_asks_who_has_been_away(provider: Provider, home: Principal) -> None:
    provider.knows("alice", email=home.user.email)
    browser = fresh(signed_in(home), home, age=400)
    answer = provider.sign_in(browser, "alice", f"{START}?process=connect")

    assert "/accounts/reauthenticate/" in answer["Location"]
    assert not SocialAccount.objects.exists()


def test_a_provider_account_belongs_to_one_person(
    provider: Provider, home: Principal, charlie: Principal
) -> None:
    provider.knows("alice", email=home.user.email)
    provider.sign_in(signed_in(home), "alice", f"{START}?process=connect")
    other = signed_in(charlie)
    provider.sign_in(other, "alice", f"{START}?process=connect")

    assert "belongs to another account" in other.get(LINKED).content.decode()
    assert SocialAccount.objects.get().user == home.user


def test_it_is_unlinked(provider: Provider, home: Principal) -> None:
    provider.knows("alice", email=home.user.email)
    browser = signed_in(home)
    provider.sign_in(browser, "alice", f"{START}?process=connect")
    browser.post(LINKED, {"account": SocialAccount.objects.get().pk})

    assert not SocialAccount.objects.exists()


def test_the_second_factor_is_asked_for_here_too(provider: Provider, home: Principal) -> None:
    provider.knows("dora")
    provider.sign_in(Client(), "dora")
    TOTP.activate(User.objects.get(email="dora@acme.example"), "JBSWY3DPEHPK3PXP")
    client = Client()
    answer = provider.sign_in(client, "dora")

    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert not is_in(client)
    assert Authenticator.objects.exists()


def test_an_answer_that_nobody_here_asked_for_is_refused(
    provider: Provider, home: Principal
) -> None:
    """Else an attacker could sign a victim in as themselves, and see what they upload."""
    provider.knows("eve")
    to_provider = Client().post(START)["Location"]
    back = urlsplit(httpx.post(to_provider, data={"sub": "eve"}).headers["Location"])
    victim = Client()
    victim.get(f"{back.path}?{back.query}")

    assert not is_in(victim)


def test_following_a_link_signs_nobody_in(provider: Provider) -> None:
    answer = Client().get(START)

    assert answer.status_code == 200
    assert "Go on" in answer.content.decode()


@pytest.mark.parametrize("query", ["", "?error=access_denied", "?code=x&state=y", "?error=x"])
def test_a_broken_answer_of_the_provider_is_a_page(provider: Provider, query: str) -> None:
    client = Client()
    client.post(START)
    page = client.get(f"{START}callback/{query}", follow=True)

    assert page.status_code < 500
    assert 'class="shell"' in page.content.decode()


def test_a_provider_that_is_away_is_a_page(provider: Provider, settings: Settings) -> None:
    [app] = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    app["settings"]["server_url"] = "http://localhost:9"
    page = Client().post(START)

    assert page.status_code == 502
    assert "That did not work" in page.content.decode()


def test_no_token_of_the_provider_is_kept(provider: Provider, home: Principal) -> None:
    provider.knows("dora")
    provider.sign_in(Client(), "dora")

    assert not SocialToken.objects.exists()


def test_two_answers_about_two_persons_are_refused(provider: Provider) -> None:
    both = {"userinfo": {"sub": "a"}, "id_token": {"sub": "b"}}
    login = SimpleNamespace(account=SimpleNamespace(extra_data=both), email_addresses=[])

    with pytest.raises(Forbidden, match="two persons"):
        sso.vouched_for(login)
