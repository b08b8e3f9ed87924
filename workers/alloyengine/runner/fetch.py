"""Brings a job's inputs into the scratch folder, each byte checked."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx

from alloyengine.errors import TransferError
from alloyengine.retry import persistently, words
from alloyengine.runner.heart import Heart
from alloyengine.runner.messages import Place
from alloyengine.spec.protocol import ProgressEvent, RemoteFile, ResolvedInput

_CHUNK = 1 << 20
_PATIENCE = 1000.0  # seconds; storage may be away for a quarter of an hour


def fetch(
    inputs: list[ResolvedInput], folder: Path, heart: Heart, leave_weights: bool
) -> dict[str, Place]:
    """Places by reference; weights may be left in storage, to be read by those who need them.

    Raises TransferError, StaleAttempt, StopOrdered.
    """
    places = {
        each.reference: Place(
            folder=folder / str(number),
            weights=[file for file in each.files if leave_weights and _are_weights(file.path)],
        )
        for number, each in enumerate(inputs)
    }
    wanted = [
        (file, places[each.reference].folder / file.path)
        for each in inputs
        for file in each.files
        if file not in places[each.reference].weights
    ]
    for place in places.values():
        place.folder.mkdir(parents=True)
    fetch_files(wanted, heart, "Fetching inputs")
    return places


def _are_weights(path: str) -> bool:
    """Of a whole model. An adapter is small, and read in one go."""
    return path.endswith(".safetensors") and not path.startswith("adapter_")


def fetch_files(wanted: list[tuple[RemoteFile, Path]], heart: Heart, phase: str) -> None:
    """Raises TransferError when one does not arrive as it was promised, StaleAttempt, StopOrdered."""
    done, total = 0, sum(file.size for file, _ in wanted)
    with httpx.Client(timeout=60) as http:
        for file, target in wanted:
            fetch_file(http, file, target, heart.check)
            done += file.size
            heart.outbox.add(ProgressEvent(phase=phase, done=done, total=total))


def fetch_file(
    http: httpx.Client, file: RemoteFile, target: Path, check: Callable[[], None]
) -> None:
    """Tried again for a quarter of an hour. Raises TransferError, and whatever `check` raises."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        digest = persistently(lambda: _download(http, file, target, check), _PATIENCE, check)
    except httpx.HTTPError as error:
        raise _wrong(file, f"could not be fetched: {words(error)}") from None
    if digest != file.sha256:
        raise _wrong(file, "arrived with another content than was promised")


def _download(http: httpx.Client, file: RemoteFile, target: Path, check: Callable[[], None]) -> str:
    digest, size = hashlib.sha256(), 0
    with http.stream("GET", file.url) as response, target.open("wb") as local:
        response.raise_for_status()
        for chunk in response.iter_bytes(_CHUNK):
            check()
            size += len(chunk)
            if size > file.size:
                raise _wrong(file, f"is longer than the {file.size} bytes promised")
            digest.update(chunk)
            local.write(chunk)
    return digest.hexdigest()


def _wrong(file: RemoteFile, what: str) -> TransferError:
    return TransferError("transfer_failed", f"{file.path} {what}.")
