"""Every page that somebody may open, seen once: nothing serious for axe, nothing in the console."""

import pytest

from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(600)]
OPEN = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
MEMBERS = [
    "/",
    "/jobs/",
    "/jobs/new/train/",
    "/jobs/new/merge/",
    "/jobs/new/evaluate/",
    "/models/",
    "/datasets/",
    "/datasets/new/",
    "/compare/",
    "/accounts/members/",
    "/accounts/keys/",
    "/accounts/password/change/",
    "/api/v1/docs",
]


def shot(prefix: str, path: str) -> str:
    return f"{prefix}-{path.strip('/').replace('/', '-') or 'home'}"


def test_pages_for_everybody(visitor: Visitor) -> None:
    for path in OPEN:
        visitor.page.goto(path)
        visitor.look(shot("open", path))


def test_pages_for_members(visitor: Visitor) -> None:
    visitor.sign_up("Everywhere", "eve@every.example", "correct horse battery")
    for path in MEMBERS:
        visitor.page.goto(path, wait_until="networkidle")
        visitor.look(shot("member", path))


def test_a_page_that_is_not_there_says_so(visitor: Visitor) -> None:
    answer = visitor.page.goto("/nowhere/")
    assert answer is not None
    assert answer.status == 404
    visitor.look("not-found")
    visitor.complaints.clear()  # the browser itself tells of the 404
