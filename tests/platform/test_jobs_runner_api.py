"""What a runner may say with its token, on a real store, and what it may not."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Evaluation, ModelVersion
from alloyworks.jobs import finish as endings
from alloyworks.jobs import lifecycle, tasks
from alloyworks.jobs.leftovers import sweep_attempt
from alloyworks.jobs.models import Attempt, Event, Metric
from alloyworks.jobs.tokens import token_of
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope
from tests.platform.attempts import EVALUATE
from tests.platform.runner_calls import (
    FACTS,
    TRAINED,
    WEIGHTS,
    entry,
    fresh,
    launched,
    runner_of,
    uploaded,
    wanted,
)


@pytest.fixture(autouse=True)
def bucket(db: None) -> None:
    objects.ensure_bucket()


def event(seq: int, **body: Any) -> dict[str, Any]:
    return {"seq": seq, "at": "2026-11-25T12:00:00Z", "body": body}


def test_the_assignment_tells_the_spec_and_where_the_inputs_are(alice: Principal) -> None:
    attempt = launched(alice)

    told = runner_of(attempt)("assignment").json()

    assert (told["job"], told["attempt"]) == (str(attempt.job_id), 1)
    assert told["spec"]["model"] == "m"
    files = {given["reference"]: given["files"] for given in told["inputs"]}
    assert httpx.get(files["d"][0]["url"]).content == b"{}\n"
    assert fresh(attempt).state == "running"


def test_a_companion_is_told_the_same_and_begins_nothing(alice: Principal) -> None:
    """The machine that leads may have no machine yet: its lease must not run."""
    attempt = launched(alice)

    told = runner_of(attempt)("companion").json()

    assert told["spec"]["model"] == "m" and told["checkpoints"] == []
    assert fresh(attempt).state == "starting" and fresh(attempt).started_at is None
    failure = {"code": "transfer_failed", "fault": "platform", "message": "It did not come."}
    assert runner_of(attempt)("finish", {"failure": failure}).json() == {"stop": True}
    with scope(attempt.organisation_id):
        attempt.refresh_from_db()
    assert attempt.failure["code"] == "transfer_failed"
    assert runner_of(attempt)("companion").status_code == 409


def test_events_become_rows_once(alice: Principal) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    call("assignment")
    batch = {
        "events": [
            event(0, type="log", level="warning", message="a \0"),
            event(1, type="metric", name="loss", step=1, value=2.5),
            event(2, type="metric", name="loss", step=1, value=2.0),
            event(3, type="progress", phase="Training", done=1, total=9, seconds_left=8.0),
            event(4, type="report", name="snr", data={"rows": ["half a \ud800"]}),
        ]
    }

    for _ in range(2):
        assert call("events", batch).json() == {"stop": False}

    job = fresh(attempt)
    with scope(alice.organisation.id):
        logs = Event.objects.filter(job=job, type="log")
        assert [log.data["message"] for log in logs] == ["a \ufffd"]
        assert [(m.step, m.value) for m in Metric.objects.filter(job=job)] == [(1, 2.0)]
    assert job.progress == {"phase": "Training", "done": 1, "total": 9, "seconds_left": 8.0}
    assert job.reports == {"snr": {"rows": ["half a ?"]}}


def test_a_heartbeat_hears_that_the_job_was_cancelled(alice: Principal) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    call("assignment")
    with scope(alice.organisation.id):
        lifecycle.cancel(alice, attempt.job_id)

    assert call("events", {"events": []}).json() == {"stop": True}
    call("finish", {"stopped": True})
    assert fresh(attempt).state == "cancelled"


def test_a_trained_model_is_registered_with_its_parent(alice: Principal) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    call("assignment")

    files = [uploaded(call)]
    assert call("finish", {"result": TRAINED, "files": files}).status_code == 200

    with scope(alice.organisation.id):
        model = ModelVersion.objects.get(job=attempt.job)
        assert (model.name, model.version, model.origin) == ("elements", 1, "train")
        assert model.files == files
        assert [edge.parent.name for edge in model.parent_edges.all()] == ["base"]
        assert objects.get_bytes(keys.key(model.storage_prefix, files[0]["path"])) == WEIGHTS
    assert fresh(attempt).state == "succeeded"


def test_scores_are_recorded(alice: Principal) -> None:
    attempt = launched(alice, EVALUATE)
    call = runner_of(attempt)
    call("assignment")
    score = {"model": "m", "dataset": "d", "metric": "exact_match", "value": 0.5, "examples": 4}

    call("finish", {"result": {"kind": "evaluate", "scores": [score]}})

    with scope(alice.organisation.id):
        assert Evaluation.objects.get(job=attempt.job).value == 0.5
    assert fresh(attempt).state == "succeeded"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([entry("model.safetensors", WEIGHTS)], "is not there"),
        ([], "without weights"),
    ],
)
def test_a_manifest_that_storage_contradicts_costs_an_attempt(
    alice: Principal, files: list[Any], words: str
) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    call("assignment")

    call("finish", {"result": TRAINED, "files": files})

    with scope(alice.organisation.id):
        attempt.refresh_from_db()
        assert words in attempt.failure["message"]
        assert not ModelVersion.objects.filter(job=attempt.job).exists()
    assert fresh(attempt).state == "queued"


def test_a_size_that_storage_contradicts_costs_an_attempt(alice: Principal) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    call("assignment")
    facts = uploaded(call) | {"size": 3}

    call("finish", {"result": TRAINED, "files": [facts]})

    assert fresh(attempt).state == "queued"


def test_a_result_of_another_kind_is_not_believed(alice: Principal) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    call("assignment")

    call("finish", {"result": {"kind": "merge", "facts": FACTS}, "files": [uploaded(call)]})

    assert fresh(attempt).state == "queued"


def test_a_users_fault_is_told_to_the_user(alice: Principal) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    call("assignment")
    failure = {"code": "dataset_empty", "fault": "user", "message": "No.", "remedy": "Add some."}

    call("finish", {"failure": failure})

    assert (fresh(attempt).state, fresh(attempt).failure) == ("failed", failure)


def test_a_large_file_goes_up_in_parts(alice: Principal) -> None:
    attempt = launched(alice)
    call = runner_of(attempt)
    content = bytes(objects.PART_BYTES + 5)
    plan = call("uploads", wanted("model.safetensors", content)).json()

    etags = sent_in_parts(plan, content)
    joined = {"path": "model.safetensors", "upload_id": plan["upload_id"], "etags": etags}
    assert call("uploads/complete", joined).status_code == 200

    found = objects.stat(endings.prefix_of(attempt) + "model.safetensors")
    assert found is not None
    assert found.size == len(content)


def sent_in_parts(plan: dict[str, Any], content: bytes) -> list[str]:
    parts = [content[: plan["part_size"]], content[plan["part_size"] :]]
    puts = [httpx.put(url, content=part) for url, part in zip(plan["urls"], parts, strict=True)]
    return [put.headers["ETag"] for put in puts]


def test_urls_of_an_upload_are_signed_again(alice: Principal) -> None:
    call = runner_of(launched(alice))
    content = bytes(objects.PART_BYTES + 5)
    before = call("uploads", wanted("model.safetensors", content)).json()

    plan = call("uploads", wanted("model.safetensors", content, before["upload_id"])).json()

    etags = sent_in_parts(before, content)[:1] + sent_in_parts(plan, content)[1:]
    joined = {"path": "model.safetensors", "upload_id": before["upload_id"], "etags": etags}
    assert plan["upload_id"] == before["upload_id"]
    assert call("uploads/complete", joined).status_code == 200


@pytest.mark.parametrize(
    "ending",
    [{"stopped": True}, {"failure": {"code": "no_gpu", "fault": "user", "message": "No."}}],
)
def test_what_an_attempt_without_a_result_has_uploaded_is_swept_away(
    alice: Principal, ending: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(tasks, "sweep_after", asked.append)
    attempt = launched(alice)
    call = runner_of(attempt)
    uploaded(call, "config.json")
    content = bytes(objects.PART_BYTES + 5)
    plan = call("uploads", wanted("model.safetensors", content)).json()
    sent_in_parts(plan, content)

    call("finish", ending)
    sweep_attempt(asked[0].id, alice.organisation.id)

    assert objects.stat(endings.prefix_of(attempt) + "config.json") is None
    assert httpx.put(plan["urls"][0], content=b"x").status_code == 404


def test_a_result_is_never_swept_away(alice: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Attempt] = []
    monkeypatch.setattr(tasks, "sweep_after", asked.append)
    attempt = launched(alice)
    call = runner_of(attempt)

    call("finish", {"result": TRAINED, "files": [uploaded(call)]})
    sweep_attempt(attempt.id, alice.organisation.id)

    assert asked == []
    assert objects.stat(endings.prefix_of(attempt) + "model.safetensors")


def test_what_a_running_attempt_has_uploaded_stays(alice: Principal) -> None:
    attempt = launched(alice)
    uploaded(runner_of(attempt))

    sweep_attempt(attempt.id, alice.organisation.id)

    assert objects.stat(endings.prefix_of(attempt) + "model.safetensors")


CALLS: list[tuple[str, dict[str, Any] | None]] = [
    ("assignment", None),
    ("events", {"events": []}),
    ("uploads", wanted("a.json", b"")),
    ("uploads/complete", {"path": "a.json", "upload_id": "u", "etags": ["e"]}),
    ("checkpoints", {"step": 1, "files": [entry("step-000001/state.json", b"{}")]}),
    ("finish", {"stopped": True}),
]


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_an_attempt_that_is_over_hears_it_everywhere(
    alice: Principal, path: str, body: dict[str, Any] | None
) -> None:
    attempt = launched(alice)
    with scope(alice.organisation.id):
        lifecycle.obey(attempt)

    assert runner_of(attempt)(path, body).status_code == 409


@pytest.mark.parametrize(("path", "body"), CALLS)
def test_nobody_else_is_heard(
    alice: Principal, api: Callable[[Principal], Client], path: str, body: dict[str, Any] | None
) -> None:
    launched(alice)
    for client in (Client(), api(alice), Client(headers={"Authorization": "Bearer run_x"})):
        content = json.dumps(body)
        answer = (
            client.get(f"/runner/v1/{path}")
            if body is None
            else client.post(f"/runner/v1/{path}", content, "application/json")
        )
        assert answer.status_code == 401


def test_a_runners_token_opens_nothing_of_the_users_api(alice: Principal) -> None:
    attempt = launched(alice)
    token = token_of(attempt.job_id, 1)

    answer = Client().get("/api/v1/organisation", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../b", ".hidden", "a\\b", "x" * 300])
def test_a_path_that_leads_elsewhere_is_refused(alice: Principal, path: str) -> None:
    attempt = launched(alice)

    assert runner_of(attempt)("uploads", wanted(path, b"")).status_code == 422
