"""Every page of ours, called by everybody: nobody, another tenant, and each role.

A new page fails here until the table says which action of `roles.py` it needs.
"""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, reverse

from alloyworks.accounts import urls as accounts_urls
from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.accounts.roles import ALLOWED, Action
from alloyworks.web import urls as web_urls
from alloyworks.webhooks import urls as webhooks_urls
from tests.platform import nobodys
from tests.platform.access import CANARY, Treasure, undone
from tests.platform.conftest import joined
from tests.platform.world import World

# By name. None: about oneself, or everybody's.
READ: dict[str, Action | None] = {
    "home": None,
    "datasets": "datasets.view",
    "dataset-new": "datasets.create",
    "dataset": "datasets.view",
    "dataset-tokens": "datasets.view",
    "dataset-file": "datasets.download",
    "models": "models.view",
    "model": "models.view",
    "model-file": "models.download",
    "endpoints": "endpoints.view",
    "endpoint": "endpoints.view",
    "jobs": "jobs.view",
    "job-new": "jobs.submit",
    "job": "jobs.view",
    "job-log": "jobs.view",
    "job-answers": "datasets.download",
    "job-answers-file": "datasets.download",
    "compare": "models.view",
    "usage": "usage.view",
    "members": "members.view",
    "keys": "keys.manage",
    "organisation": "organisation.edit",
    "audit": "audit.view",
    "sessions": None,
    "mails": None,
    "webhooks": "webhooks.manage",
    "webhook": "webhooks.manage",
}
CHANGE: dict[str, Action | None] = {
    "dataset-delete": "datasets.delete",
    "model-delete": "models.delete",
    "endpoint-wake": "endpoints.use",
    "endpoint-sleep": "endpoints.manage",
    "endpoint-delete": "endpoints.manage",
    "job-answers-delete": "datasets.delete",
    "job-cancel": "jobs.cancel",
    "job-retry": "jobs.submit",
    "job-clone": "jobs.submit",
    "member-role": "members.manage",
    "member-remove": "members.manage",
    "invitation-withdraw": "members.manage",
    "key-revoke": "keys.manage",
    "organisation-mfa": "organisation.secure",
    "switch-organisation": None,
    "sessions-end": None,
    "session-end": None,
    "webhook-test": "webhooks.manage",
    "webhook-switch": "webhooks.manage",
    "webhook-delete": "webhooks.manage",
    "webhook-resend": "webhooks.manage",
}
# Opened by the token in its address, before anybody has signed in.
BY_TOKEN = {"invitation"}
PAGES = [*READ, *CHANGE]
NEEDS = READ | CHANGE
each_page = pytest.mark.parametrize("name", PAGES)


def patterns() -> dict[str, URLPattern]:
    ours = [*web_urls.urlpatterns, *accounts_urls.urlpatterns, *webhooks_urls.urlpatterns]
    return {pattern.name: pattern for pattern in ours if pattern.name}


def words_of(name: str) -> list[str]:
    return re.findall(r"<\w+:(\w+)>", str(patterns()[name].pattern))


@pytest.fixture
def treasure(world: World, bob: Principal) -> Treasure:
    found = Treasure(world)
    found.ids |= {"user_id": str(bob.user.id), "session_id": "1"}
    return found


def call(who: Principal | None, name: str, ids: dict[str, str]) -> Any:
    client = Client(raise_request_exception=False)
    if who is not None:
        client.force_login(who.user)
    path = reverse(name, kwargs={word: ids[word] for word in words_of(name)})
    with undone():
        return client.post(path, follow=who is not None) if name in CHANGE else client.get(path)


def read(answer: Any) -> str:
    return "" if answer.streaming else str(answer.content.decode())


def is_refused(answer: Any) -> bool:
    """By a page of its own, or by words on the page that one was sent back to."""
    return answer.status_code == 403 or "may not do this" in read(answer)


def said(answer: Any, ids: dict[str, str]) -> str:
    """The notices on top of the page, whose ids don't count."""
    _, _, rest = read(answer).partition('id="notices"')
    words = rest.partition("<h1")[0]
    for name, value in ids.items():
        words = words.replace(value, name) if len(value) == len(nobodys.ID) else words
    return words


def test_the_table_knows_every_page() -> None:
    assert set(patterns()) == set(PAGES) | BY_TOKEN


@each_page
def test_nobody_is_sent_to_sign_in(name: str, treasure: Treasure) -> None:
    answer = call(None, name, treasure.ids)

    assert CANARY not in read(answer)
    if name != "home":
        assert answer.status_code in (302, 401)


@each_page
def test_another_tenant_finds_nothing(name: str, treasure: Treasure, charlie: Principal) -> None:
    missing = treasure.missing()
    answer, of_nothing = (call(charlie, name, ids) for ids in (treasure.ids, missing))

    assert CANARY not in read(answer)
    assert answer.status_code == of_nothing.status_code
    mine, nothings = (
        {word: ids[word] for word in words_of(name)} for ids in (treasure.ids, missing)
    )
    assert said(answer, mine) == said(of_nothing, nothings)
    if name in READ and any(word.endswith("_id") for word in words_of(name)):
        assert answer.status_code == 404


@each_page
@pytest.mark.parametrize("role", list(Role))
def test_each_role_sees_what_the_table_says(
    name: str, role: Role, treasure: Treasure, alice: Principal
) -> None:
    who = alice if role == Role.OWNER else joined(alice, f"{role}@acme.example", role)
    answer: HttpResponse = call(who, name, treasure.ids)
    action = NEEDS[name]

    assert answer.status_code < 500
    refused = action is not None and action not in ALLOWED[role]
    assert is_refused(answer) == refused
