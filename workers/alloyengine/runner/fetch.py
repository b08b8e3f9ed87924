"""Brings a job's inputs into the scratch folder, each byte checked."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx

from alloyengine.retry import persistently
from alloyengine.runner.heart import Heart
from alloyengine.spec.protocol import ProgressEvent, RemoteFile, ResolvedInput

_CHUNK = 1 << 20
_PATIENCE = 600.0


class TransferError(Exception):
    """A file can't be moved between storage and this machine."""


def fetch(inputs: list[ResolvedInput], folder: Path, heart: Heart) -> dict[str, Path]:
    """Local folders by reference. Raises TransferError, StaleAttempt, StopOrdered."""
    total = sum(file.size for each in inputs for file in each.files)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        heart.outbox.add(ProgressEvent(phase="Fetching inputs", done=done, total=total))

    folders: dict[str, Path] = {}
    with httpx.Client(timeout=60) as http:
        for number, each in enumerate(inputs):
            folders[each.reference] = target = folder / str(number)
            target.mkdir(parents=True)
            for file in each.files:
                _fetch_file(http, file, target / file.path, heart.check)
                advance(file.size)
    return folders


def _fetch_file(
    http: httpx.Client, file: RemoteFile, target: Path, check: Callable[[], None]
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        digest = persistently(lambda: _download(http, file, target, check), _PATIENCE, check)
    except httpx.HTTPError as error:
        raise TransferError(f"{file.path} could not be fetched: {_words(error)}.") from error
    if digest != file.sha256:
        raise TransferError(f"{file.path} arrived with another content than was promised.")


def _download(http: httpx.Client, file: RemoteFile, target: Path, check: Callable[[], None]) -> str:
    digest, size = hashlib.sha256(), 0
    with http.stream("GET", file.url) as response, target.open("wb") as local:
        response.raise_for_status()
        for chunk in response.iter_bytes(_CHUNK):
            check()
            size += len(chunk)
            if size > file.size:
                raise TransferError(f"{file.path} is longer than the {file.size} bytes promised.")
            digest.update(chunk)
            local.write(chunk)
    return digest.hexdigest()


def _words(error: httpx.HTTPError) -> str:
    """Never the error's own text: it holds the presigned URL."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"storage answered {error.response.status_code}"
    return type(error).__name__
