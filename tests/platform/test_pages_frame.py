"""What every page has: its frame, its policy, its words for problems, and its way to sign in."""

import re
from collections.abc import Callable

import pytest
from django.template.loader import render_to_string
from django.test import Client

from alloyworks.accounts.models import Membership, Role
from alloyworks.accounts.principal import Principal
from alloyworks.ids import new_id
from alloyworks.tenancy import scope

BrowserOf = Callable[[Principal], Client]
MEMBERS_PAGES = [
    "/datasets/",
    "/datasets/new/",
    "/models/",
    "/accounts/members/",
    "/accounts/keys/",
]


@pytest.fixture
def visitor(db: None) -> Client:
    return Client()


@pytest.mark.parametrize("path", MEMBERS_PAGES)
def test_a_visitor_signs_in_first_and_comes_back(visitor: Client, path: str) -> None:
    answer = visitor.get(f"{path}?x=1")

    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next={path.replace('/', '%2F')}%3Fx%3D1"


def test_what_a_visitor_sent_is_not_asked_for_again(visitor: Client) -> None:
    assert visitor.post("/accounts/switch/")["Location"] == "/accounts/login/"


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(visitor: Client) -> None:
    answer = visitor.get("/datasets/", headers={"HX-Request": "true"})

    assert answer["HX-Redirect"] == "/accounts/login/"


@pytest.mark.parametrize("path", ["/", "/accounts/login/", *MEMBERS_PAGES])
def test_nothing_inline_is_in_a_page_and_nothing_comes_from_elsewhere(
    browser_of: BrowserOf, alice: Principal, path: str
) -> None:
    answer = (Client() if "login" in path else browser_of(alice)).get(path)
    page = answer.content.decode()

    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:", page)
    assert all(link.startswith("/") for link in re.findall(r'(?:src|href)="([^"#?]+)', page))


def test_the_frame_says_who_and_where_one_is(browser_of: BrowserOf, alice: Principal) -> None:
    page = browser_of(alice).get("/models/").content.decode()

    assert "Alice" in page and "owner of Acme" in page
    assert re.search(r'href="/models/" aria-current="true"', page)
    assert "Switch to" not in page


def test_who_belongs_to_two_organisations_may_switch(
    browser_of: BrowserOf, alice: Principal, charlie: Principal
) -> None:
    with scope(charlie.organisation.id):
        Membership.objects.create(
            organisation=charlie.organisation, user=alice.user, role=Role.VIEWER
        )
    page = browser_of(alice).get("/").content.decode()

    assert f'value="{charlie.organisation.id}"' in page
    assert f'value="{alice.organisation.id}"' not in page


def test_a_problem_is_a_page_with_its_words(browser_of: BrowserOf, vera: Principal) -> None:
    answer = browser_of(vera).get("/datasets/new/")

    assert answer.status_code == 403
    assert "A viewer may not do this" in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/datasets/{}/", "/models/{}/", "/models/{}/files/x", "/nowhere/"]
)
def test_what_is_not_there_is_a_page(browser_of: BrowserOf, alice: Principal, path: str) -> None:
    answer = browser_of(alice).get(path.format(new_id()))

    assert answer.status_code == 404
    assert "<h1>" in answer.content.decode()


@pytest.mark.parametrize(
    "template", ["500.html", "429.html", "400.html", "403.html", "403_csrf.html"]
)
def test_error_pages_need_nothing(template: str) -> None:
    """Django draws some of them without a request."""
    page = render_to_string(template)

    assert "<h1>" in page and "</html>" in page


def test_browsers_find_the_mark_where_they_look_for_it(visitor: Client) -> None:
    assert visitor.get("/favicon.ico")["Location"] == "/static/mark.svg"


def test_a_form_without_its_token_is_told_so(browser_of: BrowserOf, alice: Principal) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice.user)
    answer = strict.post("/accounts/switch/")

    assert answer.status_code == 403
    assert "The form was too old" in answer.content.decode()
