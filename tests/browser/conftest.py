"""A stack of its own, a tiny base model, and the system's Chromium.

Both end with their module: Playwright leaves an event loop in its thread, in which Django refuses
to work, and the stack hides the settings of the test session.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from alloyworks.embedded import stack
from tests.browser.visitor import Visitor
from tests.stacks import import_base, stack_of

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Running]:
    folder = tmp_path_factory.mktemp("browser")
    with stack_of(folder) as running:
        import_base(running, folder)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)))
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def visitor(browser: Browser, up: stack.Running) -> Iterator[Visitor]:
    """Somebody who has never been here; what their browser complains of fails the test."""
    context = browser.new_context(base_url=up.url, reduced_motion="reduce")
    ours = [up.url, up.env["ALLOY_S3_ENDPOINT_URL"]]
    visitor = Visitor(context.new_page(), ours, Path(__file__).with_name("shots"))
    yield visitor
    context.close()
    assert visitor.complaints == []
