"""An owner makes a webhook, tries it, and sees what became of it."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from alloyworks.embedded import stack
from tests.browser.visitor import Visitor
from tests.platform.listener import Listener, listening

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[stack.Running]:
    """One port of this machine is open to webhooks."""
    folder = tmp_path_factory.mktemp("webhooks") / "state"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ALLOY_")]:
            patch.delenv(name)
        patch.setenv("ALLOY_WEBHOOK_ALLOW_HTTP", "true")
        patch.setenv("ALLOY_WEBHOOK_NETWORKS", "127.0.0.0/8")
        patch.setenv("ALLOY_WEBHOOK_PORTS", str(listener.port))
        try:
            yield stack.start(folder)
        finally:
            stack.stop(folder)


def test_a_webhook_from_its_making_to_its_end(visitor: Visitor, listener: Listener) -> None:
    page = visitor.page
    visitor.sign_up("Hooks", "hook@hooks.example", "correct horse battery")
    page.get_by_role("button", name="Hooks").click()
    page.get_by_role("link", name="Webhooks").click()
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()
    visitor.look("webhooks-none")

    page.get_by_label("URL").fill(f"http://10.0.0.1:{listener.port}/")
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.get_by_text("10.0.0.1 is not a public address")).to_be_visible()
    visitor.look("webhooks-refused")

    page.get_by_label("URL").fill(f"http://127.0.0.1:{listener.port}/hook")
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.locator("#secret")).to_contain_text("whsec_")
    visitor.look("webhooks-made")

    listener.reply = b"HTTP/1.1 500 No\r\nContent-Length: 11\r\n\r\n<b>no</b> no"
    page.get_by_role("link", name="/hook").click()
    page.get_by_role("button", name="Send a test event").click()
    # The page looks again by itself.
    expect(page.locator("#deliveries .badge[data-state=failed]")).to_be_visible(timeout=30_000)
    page.get_by_text("How it begins").click()
    expect(page.get_by_text("<b>no</b> n")).to_be_visible()
    visitor.look("webhook-failed")

    listener.reply = b"HTTP/1.1 204 No Content\r\n\r\n"
    page.get_by_role("button", name="Send again").click()
    expect(page.locator("#deliveries .badge[data-state=succeeded]")).to_be_visible(timeout=30_000)
    visitor.look("webhook-delivered")

    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The webhook is deleted.")).to_be_visible()


def test_mails_are_declined(visitor: Visitor) -> None:
    page = visitor.page
    visitor.sign_up("Quiet", "quiet@hooks.example", "correct horse battery")
    page.goto("/accounts/mails/")
    page.get_by_label("When a job that I submitted has ended").uncheck()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_label("When a job that I submitted has ended")).not_to_be_checked()
    visitor.look("mails")
