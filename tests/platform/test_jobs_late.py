"""A runner that slept past its lease wakes up: nothing that it says or sends counts any more."""

from typing import Any

import httpx
import pytest

from alloyengine.spec.protocol import Failure
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import ModelVersion
from alloyworks.jobs import finish as endings
from alloyworks.jobs import lifecycle
from alloyworks.jobs.leftovers import sweep_attempt
from alloyworks.jobs.models import Attempt, Checkpoint, Event, Job, Metric
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope
from tests.platform.runner_calls import (
    TRAINED,
    WEIGHTS,
    Call,
    entry,
    launched,
    runner_of,
    uploaded,
    wanted,
)

SILENT = Failure(code="runner_silent", fault="platform", message="It was silent.")


@pytest.fixture(autouse=True)
def bucket(db: None) -> None:
    objects.ensure_bucket()


@pytest.fixture
def asleep(alice: Principal) -> Attempt:
    found = launched(alice)
    runner_of(found)("assignment")
    return found


def overtaken(first: Attempt) -> Attempt:
    """The lease is over, another attempt runs."""
    with scope(first.organisation_id):
        lifecycle.lose(first, SILENT)
        second = lifecycle.open_attempt(Job.objects.get(id=first.job_id))
    runner_of(second)("assignment")
    return second


def written(attempt: Attempt) -> list[Any]:
    with scope(attempt.organisation_id):
        job = Job.objects.get(id=attempt.job_id)
        counts = [
            rows.objects.filter(job=job).count() for rows in (Event, Metric, Checkpoint, Attempt)
        ]
        return [job.state, job.attempt_number, job.progress, job.reports, job.result, *counts]


def test_every_late_word_is_refused_and_changes_nothing(asleep: Attempt) -> None:
    late = runner_of(asleep)
    step = uploaded(late, "step-000005/state.json", b"{}", checkpoint=5)
    weights = uploaded(late)
    overtaken(asleep)
    before = written(asleep)

    told = {"seq": 1, "at": "2026-11-25T12:00:00Z"}
    bodies = [
        {"type": "log", "message": "still here"},
        {"type": "metric", "name": "loss", "step": 1, "value": 0.1},
        {"type": "progress", "phase": "Training", "done": 9, "total": 9},
        {"type": "report", "name": "snr", "data": {}},
    ]
    answers = [late("events", {"events": [told | {"body": body}]}) for body in bodies]
    answers += [
        late("assignment"),
        late("uploads", wanted("more.safetensors", WEIGHTS)),
        late("uploads", wanted("a.json", b"{}") | {"checkpoint": 6}),
        late("uploads/complete", {"path": "a.json", "upload_id": "u", "etags": ["e"]}),
        late("checkpoints", {"step": 5, "files": [step]}),
        late("finish", {"result": TRAINED, "files": [weights]}),
        late("finish", {"stopped": True}),
        late("finish", {"failure": {"code": "no_gpu", "fault": "user", "message": "No."}}),
    ]

    assert {answer.status_code for answer in answers} == {409}
    assert written(asleep) == before


def test_what_it_sends_to_urls_of_before_is_no_part_of_the_result(asleep: Attempt) -> None:
    late = runner_of(asleep)
    url = late("uploads", wanted("model.safetensors", WEIGHTS)).json()["urls"][0]
    second = overtaken(asleep)
    finish(runner_of(second))

    httpx.put(url, content=b"late" * 100).raise_for_status()

    with scope(asleep.organisation_id):
        model = ModelVersion.objects.get(job=asleep.job)
    assert model.storage_prefix == endings.prefix_of(second)
    assert objects.get_bytes(keys.key(model.storage_prefix, "model.safetensors")) == WEIGHTS
    sweep_attempt(asleep.id, asleep.organisation_id)
    assert objects.stat(endings.prefix_of(asleep) + "model.safetensors") is None


def finish(call: Call) -> None:
    told = {"result": TRAINED, "files": [uploaded(call, content=WEIGHTS)]}
    assert told["files"] == [entry("model.safetensors", WEIGHTS)]
    assert call("finish", told).status_code == 200
