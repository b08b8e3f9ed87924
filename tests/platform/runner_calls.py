"""What runners say, for the tests of what the platform makes of it."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
from django.test import Client

from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.jobs import lifecycle
from alloyworks.jobs.models import Attempt, Job, JobInput
from alloyworks.jobs.tokens import token_of
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope
from tests.platform.attempts import TRAIN, new_job, now

FACTS = {"architecture": "LlamaForCausalLM", "parameters": 9, "dtype": "float32"}
TRAINED = {
    "kind": "train",
    "facts": FACTS,
    "steps": 1,
    "tokens": 2,
    "trained_parameters": 3,
    "final_loss": 0.5,
}
WEIGHTS = b"weights" * 100
Call = Callable[..., Any]


def launched(principal: Principal, spec: dict[str, Any] = TRAIN) -> Attempt:
    """An attempt whose model `m` has one stored file, and whose dataset is `d`."""
    org = principal.organisation
    with scope(org.id):
        job = new_job(principal, spec)
        base = ModelVersion.objects.create(organisation=org, name="base", origin="train")
        data = Dataset.objects.create(
            organisation=org, name="data", format="chat", train_rows=1, test_rows=1
        )
        JobInput.objects.create(organisation=org, job=job, reference="m", model_version=base)
        JobInput.objects.create(organisation=org, job=job, reference="d", dataset=data)
        key = keys.key(keys.dataset_prefix(org.id, data.id), "train.jsonl")
        objects.put_bytes(key, b"{}\n")
        data.files = [entry("train.jsonl", b"{}\n")]
        data.save()
        return lifecycle.open_attempt(job)


def entry(path: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    return {"path": path, "size": len(content), "sha256": digest}


def wanted(path: str, content: bytes, upload_id: str | None = None) -> dict[str, Any]:
    return {"path": path, "size": len(content), "upload_id": upload_id}


def runner_of(attempt: Attempt) -> Call:
    token = token_of(attempt.job_id, attempt.number)
    client = Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)

    def call(path: str, body: dict[str, Any] | None = None) -> Any:
        if body is None:
            return client.get(f"/runner/v1/{path}")
        return client.post(f"/runner/v1/{path}", json.dumps(body), "application/json")

    return call


def uploaded(
    call: Call, path: str = "model.safetensors", content: bytes = WEIGHTS, **more: Any
) -> dict[str, Any]:
    """A file, sent to where the platform says; its line in a manifest."""
    plan = call("uploads", wanted(path, content) | more).json()
    httpx.put(plan["urls"][0], content=content).raise_for_status()
    return entry(path, content)


def fresh(attempt: Attempt) -> Job:
    with scope(attempt.organisation_id):
        return now(attempt.job)
