"""Lists of files as the catalogue keeps them: path, size and SHA-256."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from alloyworks.storage import keys, objects
from alloyworks.storage.objects import Told


class Entry(TypedDict):
    path: str
    size: int  # bytes
    sha256: str


class Download(Entry):
    url: str  # presigned, good for an hour


def describe(folder: Path, paths: Iterable[str]) -> list[Entry]:
    return [_entry(folder, path) for path in paths]


def upload(folder: Path, prefix: str, entries: Iterable[Entry], told: Told | None = None) -> None:
    """`told` hears of the bytes on their way, from several threads."""
    for entry in entries:
        objects.put_file(keys.key(prefix, entry["path"]), folder / entry["path"], told)


def downloads(prefix: str, entries: Iterable[Entry], label: str) -> list[Download]:
    """Where each file can be fetched; browsers save it as `<label>-<file>`."""
    return [Download(url=_url(prefix, entry["path"], label), **entry) for entry in entries]


def _url(prefix: str, path: str, label: str) -> str:
    filename = f"{label}-{path.replace('/', '-')}"
    return objects.presign_get(keys.key(prefix, path), filename=filename)


def _entry(folder: Path, path: str) -> Entry:
    file = folder / path
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Entry(path=path, size=file.stat().st_size, sha256=digest)
