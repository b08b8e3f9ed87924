"""One's own account by hand: a passkey of the browser, and the pages around it."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from alloyworks.embedded import stack
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PASSWORD = "correct horse battery"
DEVICE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
DEVICE |= {"hasUserVerification": True, "isUserVerified": True}
PAGES = ["2fa/", "2fa/webauthn/", "2fa/totp/activate/", "email/", "sessions/"]
PAGES += ["audit/", "organisation/", "keys/"]


@pytest.fixture
def home(visitor: Visitor, up: stack.Running) -> str:
    """Where passkeys work without https, with a device that has a finger on it."""
    url = up.url.replace("127.0.0.1", "localhost")
    visitor.ours.add(urlsplit(url).netloc)
    device = visitor.page.context.new_cdp_session(visitor.page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return url


def test_a_passkey_is_added_and_signs_in_alone(visitor: Visitor, home: str) -> None:
    page = visitor.page
    page.goto(f"{home}/accounts/signup/")
    page.get_by_label("Organisation").fill("Keyholders")
    page.get_by_label("E-mail").fill("kate@keys.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()

    page.goto(f"{home}/accounts/2fa/webauthn/add/")
    visitor.look("account-2fa-add")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    visitor.look("account-2fa-codes")

    for path in PAGES:
        page.goto(f"{home}/accounts/{path}")
        visitor.look(f"account-{path.strip('/').replace('/', '-')}")

    page.goto(f"{home}/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.goto(f"{home}/accounts/login/?next=/accounts/sessions/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("button", name="Keyholders")).to_be_visible()


def test_without_a_passkey_the_page_says_so(visitor: Visitor, home: str) -> None:
    page = visitor.page
    page.goto(f"{home}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_role("alert").filter(has_text="No passkey was chosen")).to_be_visible()


def test_the_second_step_takes_the_passkey(visitor: Visitor, home: str) -> None:
    page = visitor.page
    page.goto(f"{home}/accounts/signup/")
    page.get_by_label("Organisation").fill("Two Steps")
    page.get_by_label("E-mail").fill("tom@steps.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()
    page.goto(f"{home}/accounts/2fa/webauthn/add/")
    page.get_by_label("Sign in with it alone").uncheck()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()

    page.goto(f"{home}/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    page.goto(f"{home}/accounts/login/")
    page.get_by_label("E-mail").fill("tom@steps.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    visitor.look("account-2fa-authenticate")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Two Steps")).to_be_visible()
