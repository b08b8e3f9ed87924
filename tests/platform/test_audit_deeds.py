"""Every operation of the API that changes something leaves one entry in the audit log."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from alloyworks.accounts import invitations, keys
from alloyworks.accounts.models import AuditEntry, Role
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import ModelVersion
from alloyworks.jobs.models import JobState
from alloyworks.serving import endpoints
from alloyworks.tenancy import scope
from alloyworks.webhooks.models import Endpoint
from tests.platform.world import World

Api = Callable[[Principal], Client]
JSON = "application/json"


def entries(principal: Principal) -> list[AuditEntry]:
    with scope(principal.organisation.id):
        return list(AuditEntry.objects.order_by("id"))


# Every operation that changes something, and the deed that it leaves.

Ask = tuple[str, str, Any]  # method, path below /api/v1, body
Recipe = Callable[[World, Principal, Client], Ask]


def _upload(world: World, bob: Principal, client: Client) -> Ask:
    file = io.BytesIO(b'{"text": "one"}\n{"text": "two"}\n')
    file.name = "words.jsonl"
    return "post", "/datasets", {"name": "words", "test_percent": "0", "file": file}


def _invitation(world: World, bob: Principal, client: Client) -> Ask:
    with world.scope():
        made = invitations.invite(world.owner, "eve@acme.example", Role.MEMBER)
    return "delete", f"/organisation/invitations/{made.id}", None


def _key(world: World, bob: Principal, client: Client) -> Ask:
    with world.scope():
        made, _ = keys.create(world.owner, "old", Role.VIEWER)
    return "delete", f"/organisation/keys/{made.id}", None


def _job(state: JobState, order: str) -> Recipe:
    def ask(world: World, bob: Principal, client: Client) -> Ask:
        with world.scope():
            return "post", f"/jobs/{world.job(state=state).id}/{order}", None

    return ask


def _dataset(world: World, bob: Principal, client: Client) -> Ask:
    with world.scope():
        return "delete", f"/datasets/{world.dataset('text', name='gone').id}", None


def _model(world: World, bob: Principal, client: Client) -> Ask:
    with world.scope():
        return "delete", f"/models/{world.model().id}", None


def _session(world: World, bob: Principal, client: Client) -> Ask:
    browser = Client()
    browser.force_login(world.owner.user)
    browser.get("/models/")
    return (
        "delete",
        f"/account/sessions/{client.get('/api/v1/account/sessions').json()[0]['id']}",
        None,
    )


def _answers(world: World, bob: Principal, client: Client) -> Ask:
    files = [{"path": "examples-0-0.jsonl", "size": 1, "sha256": ""}]
    with world.scope():
        job = world.job("evaluate", JobState.SUCCEEDED, files=files)
        return "delete", f"/jobs/{job.id}/answers", None


def _endpoint(method: str, tail: str = "", body: Any = None) -> Recipe:
    def ask(world: World, bob: Principal, client: Client) -> Ask:
        with world.scope():
            made = endpoints.create(world.owner, "chemist", servable(world).id)
        return method, f"/endpoints/{made.id}{tail}", body

    return ask


def _new_endpoint(world: World, bob: Principal, client: Client) -> Ask:
    with world.scope():
        return "post", "/endpoints", {"name": "chemist", "model_id": str(servable(world).id)}


def servable(world: World) -> ModelVersion:
    return world.model(chat_template="abc")


def _webhook(method: str, tail: str = "", body: Any = None) -> Recipe:
    def ask(world: World, bob: Principal, client: Client) -> Ask:
        org = world.owner.organisation
        with world.scope():
            url = "https://user:pass@hooks.example/secret?token=secret"
            endpoint = Endpoint.objects.create(organisation=org, url=url, events=["job.failed"])
            sent = endpoint.deliveries.create(organisation=org, event="job.failed", body="{}")
        return method, f"/webhooks/{endpoint.id}{tail.format(sent.id)}", body

    return ask


RECIPES: dict[str, tuple[str, Recipe]] = {
    "organisation_edit": (
        "organisation.edit",
        lambda world, bob, client: ("patch", "/organisation", {"name": "Acme Ltd"}),
    ),
    "organisation_change_role": (
        "member.role",
        lambda world, bob, client: (
            "patch", f"/organisation/members/{bob.user.id}", {"role": "viewer"}
        ),
    ),
    "organisation_remove_member": (
        "member.remove",
        lambda world, bob, client: ("delete", f"/organisation/members/{bob.user.id}", None),
    ),
    "organisation_invite": (
        "invitation.create",
        lambda world, bob, client: ("post", "/organisation/invitations", {"email": "f@a.example"}),
    ),
    "organisation_withdraw_invitation": ("invitation.withdraw", _invitation),
    "organisation_create_key": (
        "key.create",
        lambda world, bob, client: ("post", "/organisation/keys", {"name": "ci"}),
    ),
    "organisation_revoke_key": ("key.revoke", _key),
    "datasets_upload": ("dataset.create", _upload),
    "datasets_delete": ("dataset.delete", _dataset),
    "models_delete": ("model.delete", _model),
    "jobs_submit": ("job.submit", lambda world, bob, client: ("post", "/jobs", world.train())),
    "jobs_clone": ("job.submit", _job(JobState.QUEUED, "clone")),
    "jobs_cancel": ("job.cancel", _job(JobState.QUEUED, "cancel")),
    "jobs_retry": ("job.retry", _job(JobState.FAILED, "retry")),
    "job_details_delete_answers": ("job.answers_delete", _answers),
    "endpoints_create": ("endpoint.create", _new_endpoint),
    "endpoints_change": ("endpoint.change", _endpoint("patch", body={"idle_minutes": 5})),
    "endpoints_wake": ("endpoint.wake", _endpoint("post", "/wake")),
    "endpoints_sleep": ("endpoint.sleep", _endpoint("post", "/sleep")),
    "endpoints_delete": ("endpoint.delete", _endpoint("delete")),
    "webhooks_create": (
        "webhook.create",
        lambda world, bob, client: (
            "post",
            "/webhooks",
            {"url": "https://hooks.example/secret", "events": ["job.failed"]},
        ),
    ),
    "webhooks_change": ("webhook.change", _webhook("patch", body={"active": False})),
    "webhooks_delete": ("webhook.delete", _webhook("delete")),
    "webhooks_resend": ("webhook.resend", _webhook("post", "/deliveries/{}/resend")),
    "account_end_sessions": (
        "person.sessions_end",
        lambda world, bob, client: ("delete", "/account/sessions", None),
    ),
    "account_end_session": ("person.sessions_end", _session),
}  # fmt: skip
NOTHING_TO_TELL = {
    "jobs_check_spec": "stores nothing",
    "jobs_examine": "stores nothing",
    "estimate_estimate": "stores nothing",
    "webhooks_send_test": "tells of nothing, and is listed with the deliveries",
    "webhooks_choose_mails": "concerns nobody but whoever chooses",
    "signup_sign_up": "makes the organisation: tested below",
}


def mutating() -> set[str]:
    described = Client().get("/api/v1/openapi.json").json()
    return {
        operation["operationId"]
        for methods in described["paths"].values()
        for method, operation in methods.items()
        if method in ("post", "put", "patch", "delete")
    }


def test_every_operation_that_changes_something_has_its_entry_or_a_reason(db: None) -> None:
    assert mutating() == set(RECIPES) | set(NOTHING_TO_TELL)


@pytest.mark.parametrize("operation", RECIPES)
def test_an_operation_leaves_one_entry_with_who_what_and_whence(
    world: World, bob: Principal, api: Api, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alloyworks.webhooks.endpoints._try_url", lambda url: None)
    deed, recipe = RECIPES[operation]
    client = api(world.owner)
    method, path, body = recipe(world, bob, client)
    before = {entry.id for entry in entries(world.owner)}
    kind = {} if operation == "datasets_upload" else {"content_type": JSON}

    answer = getattr(client, method)(f"/api/v1{path}", body, **kind)

    assert answer.status_code < 300, answer.content
    [entry] = [entry for entry in entries(world.owner) if entry.id not in before]
    assert (entry.action, entry.actor) == (deed, world.owner.user.email)
    assert (entry.actor_id, entry.address) == (world.owner.user.id, "127.0.0.1")
    assert entry.object_id and entry.object_name
    secret = client.defaults["HTTP_AUTHORIZATION"].split("_", 2)[2]
    told = json.dumps(entry.details) + entry.object_name
    assert secret not in told and "secret" not in told
