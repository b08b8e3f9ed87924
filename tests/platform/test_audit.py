"""The audit log: every deed leaves an entry, nobody changes one, and owners read it."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.utils import timezone

from alloyworks import spreadsheet
from alloyworks.accounts import audit, audit_export, invitations
from alloyworks.accounts.models import AuditEntry, Role
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Forbidden
from alloyworks.tenancy import scope
from tests.platform.conftest import PASSWORD
from tests.platform.world import World

Api = Callable[[Principal], Client]
BrowserOf = Callable[[Principal], Client]
AUDIT = "/api/v1/audit"
JSON = "application/json"


def entries(principal: Principal, action: str = "") -> list[AuditEntry]:
    with scope(principal.organisation.id):
        found = AuditEntry.objects.filter(action__startswith=action)
        return list(found.order_by("id"))


@pytest.mark.parametrize("statement", ["UPDATE {0} SET actor = ''", "DELETE FROM {0}"])
def test_the_app_role_can_neither_change_nor_delete_an_entry(
    alice: Principal, statement: str
) -> None:
    with (
        scope(alice.organisation.id),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("accounts_auditentry"))


def test_an_entry_says_which_key_was_used(alice: Principal, api: Api) -> None:
    client = api(alice)
    client.patch("/api/v1/organisation", {"name": "Acme Ltd"}, JSON)

    [entry] = entries(alice, "organisation.edit")
    assert client.defaults["HTTP_AUTHORIZATION"].startswith(f"Bearer alloy_{entry.api_key}_")


def test_what_is_refused_leaves_no_entry(vera: Principal, alice: Principal, api: Api) -> None:
    before = len(entries(alice))
    answer = api(vera).post("/api/v1/organisation/invitations", {"email": "x@a.example"}, JSON)

    assert answer.status_code == 403
    assert len(entries(alice)) == before + 1  # the key of the test


@pytest.mark.parametrize("path", ["datasets", "models"])
def test_downloads_are_told(world: World, api: Api, path: str) -> None:
    thing = world.chats if path == "datasets" else world.tuned
    api(world.owner).get(f"/api/v1/{path}/{thing.id}/files")

    [entry] = entries(world.owner, f"{path[:-1]}.download")
    assert entry.object_id == str(thing.id)


def test_a_new_organisation_begins_with_its_own_entry(db: None) -> None:
    cache.clear()
    body = {"organisation": "Initech", "email": "d@initech.example", "password": PASSWORD}
    made = Client().post("/api/v1/signup", body, JSON).json()
    headers = {"Authorization": f"Bearer {made['api_key']}"}

    told = Client().get(AUDIT, headers=headers).json()["items"]
    assert [entry["action"] for entry in told] == ["key.create", "organisation.create"]
    assert {entry["address"] for entry in told} == {"127.0.0.1"}


def test_joining_by_invitation_is_told(alice: Principal, charlie: Principal, mailoutbox: Any,
                                       django_capture_on_commit_callbacks: Any) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True), scope(alice.organisation.id):
        invitations.invite(alice, "c@globex.example", Role.MEMBER)
    token = mailoutbox[-1].body.split("/accounts/invitations/")[1].split("/")[0]
    invitations.accept(token, charlie.user, "192.0.2.7")

    [entry] = entries(alice, "member.join")
    assert (entry.actor, entry.address) == (charlie.user.email, "192.0.2.7")


def test_signing_in_and_failing_to_are_told_to_every_organisation_of_the_person(
    alice: Principal,
) -> None:
    cache.clear()
    visitor = Client(REMOTE_ADDR="192.0.2.7")
    sent = {"login": alice.user.email, "password": "no"}
    visitor.post("/accounts/login/", sent)
    visitor.post("/accounts/login/", sent | {"password": PASSWORD})
    visitor.post("/accounts/logout/")

    failed, signed_in, signed_out = entries(alice, "person.")
    assert (failed.action, failed.actor, failed.actor_id) == ("person.sign_in_failed", "", None)
    assert failed.object_name == alice.user.email
    assert (signed_in.action, signed_in.details) == ("person.sign_in", {"by": ["password"]})
    assert signed_out.action == "person.sign_out"
    assert {entry.address for entry in (failed, signed_in, signed_out)} == {"192.0.2.7"}


def test_a_failed_sign_in_of_nobody_is_told_to_nobody(alice: Principal) -> None:
    cache.clear()
    Client().post("/accounts/login/", {"login": "nobody@acme.example", "password": "no"})

    assert entries(alice, "person.") == []


# Reading it.


@pytest.fixture
def filled(alice: Principal, bob: Principal) -> Principal:
    with scope(alice.organisation.id):
        audit.note(alice, "job.submit", 1, "first", kind="train")
        audit.note(bob, "job.cancel", 1, "first")
        audit.note(alice, "dataset.delete", 2, "=cmd|' /C calc'!A0")
    return alice


def test_owners_page_through_it_newest_first(filled: Principal, api: Api) -> None:
    client, seen, cursor = api(filled), [], ""
    while cursor is not None:
        page = client.get(f"{AUDIT}?limit=2{cursor and f'&cursor={cursor}'}").json()
        seen += [entry["action"] for entry in page["items"]]
        cursor = page["next"]

    newest = ["key.create", "dataset.delete", "job.cancel", "job.submit", "organisation.create"]
    assert seen == newest


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("action=job", ["job.cancel", "job.submit"]),
        ("action=job.cancel", ["job.cancel"]),
        ("actor=BOB@acme.example", ["job.cancel"]),
        ("action=job&actor=alice@acme.example", ["job.submit"]),
        ("action=jo_.", []),
        ("until=2020-01-01", []),
        ("action=job&since=2020-01-01T00:00:00Z", ["job.cancel", "job.submit"]),
    ],
)
def test_it_is_filtered(filled: Principal, api: Api, query: str, found: list[str]) -> None:
    told = api(filled).get(f"{AUDIT}?{query}").json()

    assert [entry["action"] for entry in told["items"]] == found


@pytest.mark.parametrize("query", ["since=yesterday", "action=%00", f"actor={'a' * 300}"])
def test_a_filter_that_can_not_be_read_is_named(filled: Principal, api: Api, query: str) -> None:
    answer = api(filled).get(f"{AUDIT}?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == [query.partition("=")[0]]


@pytest.mark.parametrize("path", [AUDIT, f"{AUDIT}/export", "/accounts/audit/"])
def test_members_do_not_read_it(bob: Principal, api: Api, browser_of: BrowserOf, path: str) -> None:
    client = api(bob) if path.startswith("/api/") else browser_of(bob)

    assert client.get(path).status_code == 403


def test_nobody_reads_another_organisations(
    filled: Principal, charlie: Principal, api: Api
) -> None:
    told = api(charlie).get(AUDIT).json()["items"]

    assert {entry["actor"] for entry in told} == {charlie.user.email}


def test_the_rule_itself_asks_for_the_role(bob: Principal) -> None:
    with pytest.raises(Forbidden):
        audit.entries(bob)


def exported(client: Client, query: str) -> str:
    answer = client.get(f"{AUDIT}/export?{query}")
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    return text_of(answer)


def text_of(answer: Any) -> str:
    async def read() -> bytes:
        return b"".join([piece async for piece in answer])

    return async_to_sync(read)().decode()


def test_it_is_exported_as_json_lines_piece_by_piece(
    filled: Principal, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PIECE", 2)
    lines = [json.loads(line) for line in exported(api(filled), "").splitlines()]

    listed = api(filled).get(AUDIT).json()["items"]
    assert [line["id"] for line in lines] == [entry["id"] for entry in listed][1:]
    assert lines[0]["action"] == "audit.export"
    assert lines[-2] | {"at": ""} == listed[-2] | {"at": ""}


def test_names_like_formulas_stay_names_in_a_spreadsheet(filled: Principal, api: Api) -> None:
    [row] = csv.DictReader(io.StringIO(exported(api(filled), "format=csv&action=dataset")))

    assert row["object_name"] == "'=cmd|' /C calc'!A0"
    assert row["actor"] == filled.user.email


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r"])
def test_each_beginning_of_a_formula_is_disarmed(beginning: str) -> None:
    assert spreadsheet.harmless(f"{beginning}1+1") == f"'{beginning}1+1"


def test_the_page_shows_and_filters_it(filled: Principal, browser_of: BrowserOf) -> None:
    browser = browser_of(filled)
    everything = browser.get("/accounts/audit/").content.decode()
    tomorrow = timezone.now().date() + timedelta(days=1)
    jobs = browser.get(f"/accounts/audit/?action=job&until={tomorrow}").content.decode()
    none = browser.get("/accounts/audit/?until=2020-01-01").content.decode()

    assert "dataset.delete" in everything and "kind: train" in everything
    assert "job.cancel" in jobs and "dataset.delete" not in jobs
    assert "No entry matches" in none


def test_nonsense_filters_nothing_out_on_the_page(filled: Principal, browser_of: BrowserOf) -> None:
    query = "action=nonsense&actor=no&since=soon&cursor=x&format=exe"
    page = browser_of(filled).get(f"/accounts/audit/?{query}")

    assert page.status_code == 200
    assert "dataset.delete" in page.content.decode()


def test_the_page_gives_files(filled: Principal, browser_of: BrowserOf) -> None:
    answer = browser_of(filled).get("/accounts/audit/?action=job&format=csv")

    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert [row["action"] for row in rows] == ["job.cancel", "job.submit"]
