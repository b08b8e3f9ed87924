"""Every operation of the REST API, called by everybody: nobody, another tenant, and each role.

A new operation fails here until the table says which action of `roles.py` it needs.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from alloyworks.accounts.models import Role
from alloyworks.accounts.principal import Principal
from alloyworks.accounts.roles import ALLOWED, Action
from tests.platform import nobodys
from tests.platform.access import CANARY, Operation, Treasure, ask, operations, read
from tests.platform.conftest import joined
from tests.platform.world import World

Api = Callable[[Principal], Client]
V1 = "/api/v1"

# By path and method. None: everybody who is signed in, about themselves; "": everybody.
NEEDS: dict[str, dict[str, Action | str | None]] = {
    "/signup": {"POST": ""},
    "/account": {"GET": None},
    "/account/sessions": {"GET": None, "DELETE": None},
    "/account/sessions/{session_id}": {"DELETE": None},
    "/organisation": {"GET": "organisation.view", "PATCH": "organisation.edit"},
    "/organisation/members": {"GET": "members.view"},
    "/organisation/members/{user_id}": {"PATCH": "members.manage", "DELETE": "members.manage"},
    "/organisation/invitations": {"GET": "members.manage", "POST": "members.manage"},
    "/organisation/invitations/{invitation_id}": {"DELETE": "members.manage"},
    "/organisation/keys": {"GET": "keys.manage", "POST": "keys.manage"},
    "/organisation/keys/{key_id}": {"DELETE": "keys.manage"},
    "/audit": {"GET": "audit.view"},
    "/audit/export": {"GET": "audit.view"},
    "/datasets": {"GET": "datasets.view", "POST": "datasets.create"},
    "/datasets/{dataset_id}": {"GET": "datasets.view", "DELETE": "datasets.delete"},
    "/datasets/{dataset_id}/files": {"GET": "datasets.download"},
    "/datasets/{dataset_id}/tokens": {"GET": "datasets.view"},
    "/datasets/{dataset_id}/examples": {"GET": "datasets.view"},
    "/models": {"GET": "models.view"},
    "/models/{model_id}": {"GET": "models.view", "DELETE": "models.delete"},
    "/models/{model_id}/files": {"GET": "models.download"},
    "/models/{model_id}/lineage": {"GET": "models.view"},
    "/models/{model_id}/scores": {"GET": "models.view"},
    "/jobs": {"GET": "jobs.view", "POST": "jobs.submit"},
    "/jobs/check": {"POST": "jobs.submit"},
    "/jobs/examine": {"POST": "jobs.submit"},
    "/jobs/estimate": {"POST": "jobs.submit"},
    "/jobs/{job_id}": {"GET": "jobs.view"},
    "/jobs/{job_id}/cancel": {"POST": "jobs.cancel"},
    "/jobs/{job_id}/retry": {"POST": "jobs.submit"},
    "/jobs/{job_id}/clone": {"POST": "jobs.submit"},
    "/jobs/{job_id}/answers": {"GET": "datasets.download", "DELETE": "datasets.delete"},
    "/jobs/{job_id}/attempts": {"GET": "jobs.view"},
    "/jobs/{job_id}/events": {"GET": "jobs.view"},
    "/jobs/{job_id}/metrics": {"GET": "jobs.view"},
    "/jobs/{job_id}/reports/{name}": {"GET": "jobs.view"},
    "/jobs/{job_id}/stream": {"GET": "jobs.view"},
    "/endpoints": {"GET": "endpoints.view", "POST": "endpoints.manage"},
    "/endpoints/{endpoint_id}": {
        "GET": "endpoints.view",
        "PATCH": "endpoints.manage",
        "DELETE": "endpoints.manage",
    },
    "/endpoints/{endpoint_id}/wake": {"POST": "endpoints.use"},
    "/endpoints/{endpoint_id}/sleep": {"POST": "endpoints.manage"},
    "/endpoints/{endpoint_id}/use": {"GET": "endpoints.view"},
    "/mails": {"GET": None, "PUT": None},
    "/webhooks": {"GET": "webhooks.manage", "POST": "webhooks.manage"},
    "/webhooks/{webhook_id}": dict.fromkeys(("GET", "PATCH", "DELETE"), "webhooks.manage"),
    "/webhooks/{webhook_id}/test": {"POST": "webhooks.manage"},
    "/webhooks/{webhook_id}/deliveries": {"GET": "webhooks.manage"},
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/resend": {"POST": "webhooks.manage"},
    "/usage": {"GET": "usage.view"},
    "/usage/attempts": {"GET": "usage.view"},
    "/usage/export": {"GET": "usage.view"},
    "/usage/limits": {"GET": "usage.view"},
}
QUERIES = {"/datasets/{dataset_id}/tokens": "?model={model_id}"}
QUERIES["/datasets/{dataset_id}/examples"] = "?model={model_id}"
OPERATIONS = [Operation(method, V1 + path) for path, table in NEEDS.items() for method in table]
NAMES = [f"{operation.method} {operation.path[len(V1) :]}" for operation in OPERATIONS]
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=NAMES)


def need(operation: Operation) -> Action | str | None:
    return NEEDS[operation.path[len(V1) :]][operation.method]


@pytest.fixture
def treasure(world: World, bob: Principal) -> Treasure:
    found = Treasure(world)
    found.ids |= {"user_id": str(bob.user.id), "session_id": "1"}
    return found


def body(operation: Operation, ids: dict[str, str]) -> tuple[bytes, str]:
    """What a well-meant request says, and its media type."""
    if operation.method == "POST" and operation.path == f"{V1}/datasets":
        file = SimpleUploadedFile("new.jsonl", b'{"text": "Hello"}\n{"text": "World"}')
        return encode_multipart(BOUNDARY, {"name": "new", "file": file}), MULTIPART_CONTENT
    spec = {"kind": "train", "name": "x", "model": ids["model_id"], "dataset": ids["dataset_id"]}
    bodies: dict[str, Any] = {
        "/organisation": {"name": "Renamed"},
        "/organisation/members/{user_id}": {"role": "viewer"},
        "/organisation/invitations": {"email": "new@acme.example", "role": "viewer"},
        "/organisation/keys": {"name": "new", "role": "viewer"},
        "/webhooks": {"url": "https://localhost/"},
        "/endpoints": {"name": "new", "model_id": ids["model_id"]},
        "/mails": {"job_end": True},
        "/jobs": spec,
        "/jobs/check": spec,
        "/jobs/examine": spec,
        "/jobs/estimate": spec,
    }
    return json.dumps(bodies.get(operation.path[len(V1) :], {})).encode(), "application/json"


def call(client: Client, operation: Operation, ids: dict[str, str]) -> Any:
    query = QUERIES.get(operation.path[len(V1) :], "")
    path = Operation("GET", operation.path + query).at(ids)
    return ask(client, operation, path, *body(operation, ids))


def test_the_table_knows_every_operation() -> None:
    assert {(o.method, o.path) for o in operations()} == {(o.method, o.path) for o in OPERATIONS}


@each_operation
def test_nobody_is_asked_to_sign_in(operation: Operation, treasure: Treasure) -> None:
    answer = call(Client(), operation, treasure.ids)
    if need(operation) == "":
        assert answer.status_code in (400, 422)  # its body is missing
    else:
        assert answer.status_code == 401
    assert CANARY not in read(answer)


@each_operation
def test_another_tenant_is_told_what_is_told_of_nothing(
    operation: Operation, treasure: Treasure, charlie: Principal, api: Api
) -> None:
    """The answer about a foreign id is that about an id of nothing, to the letter."""
    client, missing = api(charlie), treasure.missing()
    answer = call(client, operation, treasure.ids)
    of_nothing = call(client, operation, missing)

    assert CANARY not in read(answer)
    assert answer.status_code == of_nothing.status_code
    by_path = any(name.endswith("_id") for name in operation.names)
    if by_path:
        assert answer.status_code == 404
    if by_path or "/jobs" in operation.path:
        assert _without(read(answer), treasure.ids) == read(of_nothing)


@each_operation
@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_what_the_table_says(
    operation: Operation, role: Role, treasure: Treasure, alice: Principal, api: Api
) -> None:
    who = alice if role == Role.OWNER else joined(alice, f"{role}@acme.example", role)
    answer = call(api(who), operation, treasure.ids)
    action = need(operation)

    assert answer.status_code < 500, read(answer)
    assert answer.status_code != 401
    refused = bool(action) and action not in ALLOWED[role]
    assert (answer.status_code == 403) == refused, read(answer)


@each_operation
def test_the_token_of_an_attempt_opens_nothing_here(
    operation: Operation, treasure: Treasure
) -> None:
    client = Client(headers={"Authorization": f"Bearer run_{'0' * 43}"})
    if need(operation) != "":
        assert call(client, operation, treasure.ids).status_code == 401


def _without(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        if name.endswith("_id") and name != "session_id":
            text = text.replace(value, nobodys.ID)
    return text
