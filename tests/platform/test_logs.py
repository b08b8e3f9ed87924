"""Logs: one JSON object a line, with ids, and never a secret."""

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from alloyworks.accounts import invitations
from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.config import config
from alloyworks.jobs.tokens import token_of
from alloyworks.observability import logs
from alloyworks.observability.redaction import Redactor
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from alloyworks.webhooks import signing
from tests.platform.nobodys import ID

Api = Callable[[Principal], Client]
AUTHORIZATION = "CANARY-authorization-5d1f"
PASSWORD = "CANARY-password-77aa"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the root logger has written since, with the formatter of the deployment."""
    settings = logs.configuration("json")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    made = dict(settings["formatters"]["line"])
    handler.setFormatter(made.pop("()")(**made))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(before)


def of_request(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return next(line for line in lines if line["event"] == "request")


def test_a_request_is_one_line_with_its_route_and_whose_it_is(
    api: Api, alice: Principal, lines: Any
) -> None:
    answer = api(alice).get(f"/api/v1/jobs/{ID}")

    line = of_request(lines())
    assert (line["route"], line["method"], line["status"]) == (
        "/api/v1/jobs/<job_id>", "GET", 404,
    )  # fmt: skip
    assert line["organisation_id"] == str(alice.organisation.id)
    assert (line["job_id"], line["request_id"]) == (ID, answer["X-Request-ID"])
    assert line["level"] == "info" and line["ms"] >= 0 and line["timestamp"].endswith("Z")


def test_a_well_formed_request_id_is_kept_and_others_are_replaced(db: None) -> None:
    client = Client()
    given = "trace-01.A_b"
    assert client.get("/", headers={"X-Request-ID": given})["X-Request-ID"] == given
    for bad in ("short", "x" * 129, "a b c d e f g", "<script>alert(1)", "é" * 10, ""):
        made = client.get("/", headers={"X-Request-ID": bad})["X-Request-ID"]
        assert UUID(made)


def test_ids_do_not_stay_for_the_next_request(api: Api, alice: Principal, lines: Any) -> None:
    api(alice).get(f"/api/v1/jobs/{ID}")
    Client().get("/")

    last = [line for line in lines() if line["event"] == "request"][-1]
    assert "organisation_id" not in last and "job_id" not in last


def test_a_scope_is_told_by_the_lines_within(alice: Principal, lines: Any) -> None:
    with scope(alice.organisation.id):
        logging.getLogger("somebody").warning("inside %s", "it")
    logging.getLogger("somebody").warning("outside")

    inside, outside = lines()
    assert (inside["event"], inside["logger"]) == ("inside it", "somebody")
    assert inside["organisation_id"] == str(alice.organisation.id)
    assert "organisation_id" not in outside


def test_a_traceback_is_a_field(lines: Any) -> None:
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        logging.getLogger("somebody").exception("It broke")

    [line] = lines()
    assert "RuntimeError: two\nlines" in line["exception"]


@logs.tells_ids
def look(job_id: str, number: int) -> None:
    logging.getLogger("somebody").warning("looking")


def test_a_function_tells_its_ids(lines: Any) -> None:
    look("17", number=3)

    [line] = lines()
    assert line["job_id"] == "17" and "number" not in line


def test_a_task_tells_its_ids(lines: Any) -> None:
    from alloyworks.jobs.tasks import look as task
    from alloyworks.observability.tasks import bind_ids, forget_ids

    bind_ids(task_id="t1", task=task, args=["j1", "o1"], kwargs={})
    logging.getLogger("somebody").warning("within")
    forget_ids()

    [line] = lines()
    assert (line["task_id"], line["job_id"], line["organisation_id"]) == ("t1", "j1", "o1")


def secrets(principal: Principal) -> dict[str, str]:
    """One of every kind that goes through the platform."""
    from alloyworks.accounts import keys

    with scope(principal.organisation.id):
        key = keys.create(principal, "canary", Role.VIEWER)[1]
    assert config.s3_secret_key
    return {
        "key": key,
        "token": token_of(principal.user.id, 1),
        "webhook": signing.secret_of(principal.user.id),
        "secret_key": config.secret_key.get_secret_value(),
        "database": config.database_url.split(":")[2].split("@")[0],
        "storage": config.s3_secret_key.get_secret_value(),
        "broker": config.broker_url.split(":")[2].split("@")[0],
    }


def test_no_planted_secret_reaches_a_line(api: Api, alice: Principal, lines: Any) -> None:
    planted = secrets(alice)
    url = objects.presign_get("x")
    signature = url.partition("X-Amz-Signature=")[2].split("&")[0]
    somebody = logging.getLogger("somebody")
    for name, secret in planted.items():
        somebody.warning("The %s is %s", name, secret)
        somebody.warning("In JSON: %s", json.dumps({"headers": [secret]}))
        try:
            raise ValueError(f"refused: {secret}")
        except ValueError:
            somebody.exception("With a traceback")
    somebody.warning("GET %s failed", url)
    somebody.warning("headers: %s", {"Authorization": f"Bearer {AUTHORIZATION}"})
    somebody.warning(json.dumps({"authorization": AUTHORIZATION, "password": PASSWORD}))
    somebody.warning("Connecting to postgresql://me:%s@db/x", PASSWORD)

    text = json.dumps(lines())
    for name, secret in planted.items():
        assert secret not in text, name
    assert len(signature) == 64 and signature not in text
    assert AUTHORIZATION not in text and PASSWORD not in text and "[redacted]" in text


def test_requests_with_secrets_leave_none(
    api: Api, alice: Principal, lines: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scope(alice.organisation.id):
        told: list[str] = []
        monkeypatch.setattr(invitations, "_mail", lambda *words: told.append(words[-1]))
        monkeypatch.setattr(invitations.transaction, "on_commit", lambda do, **_: do())
        invitations.invite(alice, "new@acme.example", Role.MEMBER)
    [invitation] = told
    client.get(f"/accounts/invitations/{invitation}/")
    client.get(f"/accounts/invitations/{invitation}/nothing")
    client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {AUTHORIZATION}"})
    client.post("/accounts/login/", {"login": alice.user.email, "password": PASSWORD})
    client.get(f"/nothing?token={PASSWORD}")

    text = json.dumps(lines())
    assert "unmatched" in text
    for secret in (invitation, AUTHORIZATION, PASSWORD):
        assert secret not in text


@pytest.mark.parametrize(
    "line",
    ["The token of the job is over.", "password: short", "bearer of news", "run_once", "a: b@c"],
)
def test_ordinary_words_stay(line: str) -> None:
    assert Redactor([])(line) == line


def test_console_lines_are_words(lines: Any) -> None:
    made = dict(logs.configuration("console")["formatters"]["line"])
    formatter = made.pop("()")(**made)
    record = logging.LogRecord("x", logging.INFO, "f", 1, "Hello %s", ("you",), None)

    assert "Hello you" in formatter.format(record)
    logs.configuration("json")


def test_nobody_writes_to_the_log_past_the_formatter() -> None:
    handlers = logs.configuration("json")["handlers"]

    assert {handler["formatter"] for handler in handlers.values()} == {"line"}
    for name, logger in logs.configuration("json")["loggers"].items():
        assert not logger.get("handlers"), name
