"""What holds for the whole API: errors in one shape, who may call, what it says of itself."""

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pydantic import BaseModel

from alloyworks.accounts.principal import Principal
from tests.platform.conftest import fresh

Api = Callable[[Principal], Client]


def assert_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert response.status_code == body["status"] == status
    assert set(body) == {"type", "title", "status", "detail", "errors"}
    assert body["detail"]
    return body


@pytest.fixture
def anyone(db: None) -> Client:
    return Client(raise_request_exception=False)


def test_an_unknown_path_is_a_problem(anyone: Client) -> None:
    assert "/api/v1/nothing" in assert_problem(anyone.get("/api/v1/nothing"), 404)["detail"]
    assert_problem(anyone.get("/api/v2/jobs"), 404)


def test_a_wrong_method_is_a_problem_and_says_the_right_ones(anyone: Client) -> None:
    response = anyone.put("/api/v1/organisation")

    assert_problem(response, 405)
    assert "GET" in response["Allow"]


def test_nobody_is_asked_to_sign_in(anyone: Client) -> None:
    assert "Bearer" in assert_problem(anyone.get("/api/v1/organisation"), 401)["detail"]


@pytest.mark.parametrize("header", ["Bearer alloy_x_y", "Basic YTpi", "Bearer", "Bearer \0"])
def test_a_wrong_key_is_nobody(anyone: Client, header: str) -> None:
    assert_problem(anyone.post("/api/v1/organisation/keys", headers={"Authorization": header}), 401)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[" * 100_000,
        '{"name": NaN, "role": "viewer"}',
        '{"name": ' + "9" * 5000 + "}",
        '{"name": "a\\u0000b", "role": "viewer"}',
        '{"name": "a\\ud800b", "role": "viewer"}',
        b'{"name": "\xff"}',
    ],
)
def test_a_body_that_can_not_be_read_is_a_problem(
    api: Api, alice: Principal, body: str | bytes
) -> None:
    response = api(alice).post("/api/v1/organisation/keys", body, "application/json")

    assert_problem(response, 400)


def test_a_wrong_field_is_named(api: Api, alice: Principal) -> None:
    response = api(alice).post(
        "/api/v1/organisation/keys", {"name": "x", "role": "king"}, "application/json"
    )

    assert assert_problem(response, 422)["errors"][0]["loc"] == ["role"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=x"])
def test_a_wrong_parameter_is_named(api: Api, alice: Principal, query: str) -> None:
    body = assert_problem(api(alice).get(f"/api/v1/organisation/members?{query}"), 422)

    assert body["errors"][0]["loc"] == [query.partition("=")[0]]


def test_a_huge_body_is_refused(api: Api, alice: Principal) -> None:
    body = json.dumps({"name": "x" * 3 * 1024**2})

    for headers in ({}, {"Idempotency-Key": "1"}):
        url = "/api/v1/organisation/keys"
        response = api(alice).post(url, body, "application/json", headers=headers)
        assert_problem(response, 413)


def test_our_own_faults_tell_nothing(
    api: Api, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(principal: Principal) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("alloyworks.accounts.members.members_of", broken)
    response = api(alice).get("/api/v1/organisation/members")

    assert "swordfish" not in assert_problem(response, 500)["detail"]


def test_a_session_needs_the_csrf_token_and_a_key_does_not(alice: Principal, api: Api) -> None:
    browser, key = Client(enforce_csrf_checks=True), api(alice)
    key.handler.enforce_csrf_checks = True
    browser.force_login(alice.user)
    fresh(browser, alice)
    body = {"name": "laptop", "role": "member"}

    refused = browser.post("/api/v1/organisation/keys", body, "application/json")
    assert "CSRF" in assert_problem(refused, 403)["detail"]
    assert key.post("/api/v1/organisation/keys", body, "application/json").status_code == 201


def test_a_session_with_the_csrf_token_may_post(alice: Principal) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice.user)
    fresh(browser, alice)
    token = "a" * 32
    browser.cookies["csrftoken"] = token

    response = browser.post(
        "/api/v1/organisation/keys",
        {"name": "laptop", "role": "member"},
        "application/json",
        headers={"X-CSRFToken": token},
    )
    assert response.status_code == 201


def schema(client: Client) -> dict[str, Any]:
    return client.get("/api/v1/openapi.json").json()


def test_every_operation_has_a_name_a_tag_and_problems(anyone: Client) -> None:
    described = schema(anyone)

    operations = [o for methods in described["paths"].values() for o in methods.values()]
    assert len({o["operationId"] for o in operations}) == len(operations) > 10
    for operation in operations:
        assert operation["tags"]
        assert "application/problem+json" in operation["responses"]["422"]["content"]


def test_every_operation_refuses_nobody_except_sign_up(anyone: Client) -> None:
    for path, methods in schema(anyone)["paths"].items():
        for method, operation in methods.items():
            if path == "/api/v1/signup":
                assert "security" not in operation
                continue
            url = path.replace("{", "").replace("}", "")
            response = anyone.generic(method.upper(), url)
            assert response.status_code == 401, (method, path)


def test_every_post_documents_the_idempotency_key(anyone: Client) -> None:
    for path, methods in schema(anyone)["paths"].items():
        if "post" in methods and path != "/api/v1/signup":
            names = {parameter["name"] for parameter in methods["post"]["parameters"]}
            assert "Idempotency-Key" in names


def test_the_documentation_page_tells_every_operation_and_loads_nothing_from_elsewhere(
    anyone: Client,
) -> None:
    page = anyone.get("/api/v1/docs").content.decode()

    for methods in schema(anyone)["paths"].values():
        assert all(f'id="{operation["operationId"]}"' in page for operation in methods.values())
    assert all(link.startswith("/") for link in re.findall(r'(?:src|href)="([^"#]+)', page))
    assert page.count("<script") == page.count('<script type="module" src=')


def test_no_two_shapes_of_the_document_have_one_name() -> None:
    """The later one would be documented in place of the earlier."""
    found: dict[str, set[str]] = {}
    for module in [name for name in sys.modules if name.startswith("alloyworks.api.")]:
        for shape in vars(sys.modules[module]).values():
            if isinstance(shape, type) and issubclass(shape, BaseModel):
                found.setdefault(shape.__name__, set()).add(shape.__module__)

    assert {name: where for name, where in found.items() if len(where) > 1} == {}
