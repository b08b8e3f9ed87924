"""Sends what a job made to storage."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx

from alloyengine.errors import TransferError
from alloyengine.retry import persistently, words
from alloyengine.runner.client import Platform
from alloyengine.runner.heart import Heart
from alloyengine.spec.protocol import (
    FileFacts,
    ProgressEvent,
    UploadParts,
    UploadPlan,
    UploadRequest,
)

_CHUNK = 1 << 20
_PATIENCE = 1000.0  # seconds; storage may be away for a quarter of an hour


def upload(folder: Path, platform: Platform, heart: Heart) -> list[FileFacts]:
    """The manifest. Raises TransferError, StaleAttempt, StopOrdered."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in paths)
    manifest: list[FileFacts] = []
    with httpx.Client(timeout=120) as http:
        for path in paths:
            heart.check()
            facts = facts_of(path, path.relative_to(folder).as_posix())
            send(http, path, facts, platform, heart.check)
            manifest.append(facts)
            done = sum(file.size for file in manifest)
            heart.outbox.add(ProgressEvent(phase="Uploading results", done=done, total=total))
    return manifest


def facts_of(path: Path, name: str) -> FileFacts:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileFacts(path=name, size=path.stat().st_size, sha256=digest)


def send(
    http: httpx.Client,
    path: Path,
    facts: FileFacts,
    platform: Platform,
    check: Callable[[], None],
    checkpoint: int | None = None,
) -> None:
    """One file, of the result or of the checkpoint after a step. `check` may raise to give up."""
    request = UploadRequest(path=facts.path, size=facts.size, checkpoint=checkpoint)
    plan = platform.plan_upload(request, check)
    etags = []
    for url, start, size in _parts(plan, facts.size):
        put = partial(_put, http, url, partial(_read, path, start, size, check), size)
        try:
            etags.append(persistently(put, _PATIENCE, check))
        except httpx.HTTPError as error:
            message = f"{facts.path} could not be sent: {words(error)}."
            raise TransferError("transfer_failed", message) from None
    if plan.upload_id is not None:
        parts = UploadParts(
            path=facts.path, upload_id=plan.upload_id, etags=etags, checkpoint=checkpoint
        )
        platform.complete_upload(parts, check)


def _parts(plan: UploadPlan, size: int) -> Iterator[tuple[str, int, int]]:
    """URL, first byte and length of every request."""
    part = plan.part_size or size
    for number, url in enumerate(plan.urls):
        start = number * part
        yield url, start, min(part, size - start)


def _put(http: httpx.Client, url: str, read: Callable[[], Iterator[bytes]], size: int) -> str:
    response = http.put(url, content=read(), headers={"Content-Length": str(size)})
    response.raise_for_status()
    return str(response.headers.get("ETag", ""))


def _read(path: Path, start: int, size: int, check: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size > 0 and (chunk := file.read(min(size, _CHUNK))):
            check()
            size -= len(chunk)
            yield chunk
