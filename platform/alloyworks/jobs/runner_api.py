"""What runners say to the platform (alloyengine.spec.protocol). The token names one attempt.

409 means that the attempt is over: the runner stops and uploads nothing more.
"""

import json
from typing import Any

from django.db.models.functions import Now
from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.parser import Parser
from ninja.security import HttpBearer

from alloyengine.spec.protocol import (
    Assignment,
    CheckpointFacts,
    EventBatch,
    Finish,
    Orders,
    UploadParts,
    UploadPlan,
    UploadRequest,
)
from alloyworks.accounts.keys import hashed
from alloyworks.api import problems
from alloyworks.errors import BadRequest, TooLarge
from alloyworks.jobs import checkpoints, lifecycle
from alloyworks.jobs import finish as endings
from alloyworks.jobs.assignment import assignment_of
from alloyworks.jobs.models import Attempt, Job
from alloyworks.jobs.record import record
from alloyworks.observability import logs
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope

MOST_BYTES = 64 * 1024**2  # of a body: many log lines, or the report of a large scan
UPLOAD_SECONDS = 6 * 3600


class RunnerToken(HttpBearer):
    """`Authorization: Bearer run_…`; `request.auth` is the attempt."""

    def authenticate(self, request: HttpRequest, token: str) -> Attempt | None:
        digest = hashed(token)
        with scope(secret=digest):
            return Attempt.objects.filter(secret_hash=digest).first()


class LargeJson(Parser):
    """Bodies may be larger than what people send."""

    def parse_body(self, request: HttpRequest) -> Any:
        content = request.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise TooLarge(f"The body has more than {MOST_BYTES:,} bytes.")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"The body is not JSON: {error}") from None


runner_api = NinjaAPI(
    urls_namespace="runner-v1",
    auth=RunnerToken(),
    parser=LargeJson(),
    docs_url=None,
    openapi_url=None,
)
problems.install(runner_api)


@runner_api.get("/assignment", response=Assignment)
def assignment(request: HttpRequest) -> Assignment:
    attempt = _attempt(request)
    with scope(attempt.organisation_id):
        job = lifecycle.begin(attempt)
        told = assignment_of(attempt, job)
    return told.model_copy(update={"checkpoints": checkpoints.sound(job)})


@runner_api.get("/companion", response=Assignment)
def companion(request: HttpRequest) -> Assignment:
    """For a machine that shares the run and does not lead it: whether the attempt runs is told by the one
    that leads, which may still wait for its machine.
    """
    attempt = _attempt(request)
    with scope(attempt.organisation_id):
        return assignment_of(attempt, lifecycle.job_of(attempt))


@runner_api.post("/events", response=Orders)
def events(request: HttpRequest, batch: EventBatch) -> Orders:
    """Also the heartbeat."""
    attempt = _attempt(request)
    with scope(attempt.organisation_id):
        job = lifecycle.job_of(attempt)
        Attempt.objects.filter(id=attempt.id).update(heartbeat_at=Now())
        record(attempt, job, batch.events)
        return _orders(job)


@runner_api.post("/uploads", response=UploadPlan)
def uploads(request: HttpRequest, wanted: UploadRequest) -> UploadPlan:
    """Begins an upload, or with an id signs fresh URLs for one that was begun."""
    attempt = _attempt(request)
    with scope(attempt.organisation_id):
        lifecycle.job_of(attempt)
    key = _key(attempt, wanted.path, wanted.checkpoint)
    if wanted.size <= objects.PART_BYTES:
        return UploadPlan(urls=[objects.presign_put(key, UPLOAD_SECONDS)])
    part_size = objects.part_size(wanted.size)
    upload = wanted.upload_id or objects.start_multipart(key)
    parts = range(1, -(-wanted.size // part_size) + 1)
    urls = [objects.presign_part(key, upload, part, UPLOAD_SECONDS) for part in parts]
    return UploadPlan(urls=urls, part_size=part_size, upload_id=upload)


@runner_api.post("/uploads/complete", response=Orders)
def uploads_complete(request: HttpRequest, parts: UploadParts) -> Orders:
    attempt = _attempt(request)
    with scope(attempt.organisation_id):
        job = lifecycle.job_of(attempt)
    key = _key(attempt, parts.path, parts.checkpoint)
    objects.complete_multipart(key, parts.upload_id, parts.etags)
    return _orders(job)


@runner_api.post("/checkpoints", response=Orders)
def keep_checkpoint(request: HttpRequest, told: CheckpointFacts) -> Orders:
    """All its files are in storage."""
    return _orders(checkpoints.register(_attempt(request), told))


@runner_api.post("/finish", response=Orders)
def finish(request: HttpRequest, told: Finish) -> Orders:
    attempt = _attempt(request)
    with scope(attempt.organisation_id):
        endings.finish(attempt, told)
    return Orders(stop=True)


def _attempt(request: HttpRequest) -> Attempt:
    found: Attempt = request.auth  # type: ignore[attr-defined]
    logs.bind(job_id=found.job_id, attempt=found.number)
    return found


def _key(attempt: Attempt, path: str, checkpoint: int | None) -> str:
    """Of a file of the result, or of the checkpoint after a step."""
    if checkpoint is None:
        return keys.key(endings.prefix_of(attempt), path)
    checkpoints.check_path(path)
    return keys.key(checkpoints.prefix_of(attempt, checkpoint), path)


def _orders(job: Job) -> Orders:
    return Orders(stop=lifecycle.must_stop(job))
