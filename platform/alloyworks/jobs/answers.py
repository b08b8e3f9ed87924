"""What models answered in an evaluation, example by example.

The files lie where the attempt that succeeded put them, as lines of JSON, one file for each model and
test set or task. `Job.files` is their manifest; they stay, and count as storage, until somebody forgets them.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from alloyworks.accounts import audit
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import manifest
from alloyworks.catalog.manifest import Download, Entry
from alloyworks.errors import NotFound
from alloyworks.jobs import clock, reading
from alloyworks.jobs.models import Job
from alloyworks.storage import keys, objects

MOST_EXAMPLES = 25  # of a leaf
MOST_READ = 8 * 1024**2  # bytes that one leaf looks through, of all files together
LONGEST = 1024**2  # bytes of an answer that is shown
_PIECE = 256 * 1024
GONE = "There are no such answers; they may have been deleted."
Json = dict[str, Any]
Wanted = Callable[[Sequence[Json]], bool]


@dataclass(frozen=True)
class Leaf:
    """Some examples in their order. Of each, its number from 1 and what every model gave for it; then
    where in the files the next leaf begins (None: there is none).
    """

    examples: list[tuple[int, list[Json]]]
    following: "Place | None"


@dataclass(frozen=True)
class Place:
    """Before an example: how many there are before it, and at which byte of each file it begins."""

    examples: int
    offsets: tuple[int, ...]


def downloads(principal: Principal, job_id: UUID) -> list[Download]:
    """Where each file can be fetched."""
    principal.require("datasets.download")
    job = reading.get(principal, job_id)
    audit.note(principal, "job.answers_download", job.id, job.name)
    return manifest.downloads(_prefix(job), job.files, job.name)


def subjects(job: Job) -> list[str]:
    """Who was asked, in the order of their numbers: models, then mixtures of agents by their names."""
    mixtures = [mixture["name"] for mixture in job.spec.get("mixtures", ())]
    return [*job.spec.get("models", ()), *mixtures]


def files_of(job: Job, kind: str, place: int) -> dict[int, str]:
    """The files of a test set (`examples`) or task (`tasks`), by the number of the model; all are
    counted from 0, as in the spec.
    """
    there = {entry["path"] for entry in job.files}
    names = {n: f"{kind}-{n}-{place}.jsonl" for n in range(len(subjects(job)))}
    return {number: name for number, name in names.items() if name in there}


def leaf(
    principal: Principal, job: Job, paths: Sequence[str], place: Place | None, wanted: Wanted
) -> Leaf:
    """Of those examples that are wanted, the next from a place on, in all these files. NotFound when
    there is no such file, or no answer begins there.
    """
    principal.require("datasets.download")
    place = place or Place(0, (0,) * len(paths))
    sizes = [_size(job, path) for path in paths]
    if len(place.offsets) != len(paths):
        raise NotFound(GONE)
    columns = [
        _lines(keys.key(_prefix(job), path), offset, size)
        for path, offset, size in zip(paths, place.offsets, sizes, strict=True)
    ]
    found: list[tuple[int, list[Json]]] = []
    number, ends = place.examples, place.offsets
    for number, row in enumerate(zip(*columns, strict=False), place.examples + 1):
        ends, lines = zip(*row, strict=True)
        answers = [_read(line) for line in lines]
        if wanted(answers):
            found.append((number, answers))
        far = sum(ends) - sum(place.offsets)
        if len(found) == MOST_EXAMPLES or far > MOST_READ:
            break
    more = all(end < size for end, size in zip(ends, sizes, strict=True))
    return Leaf(found, Place(number, tuple(ends)) if more else None)


def forget(principal: Principal, job_id: UUID) -> None:
    """The answers go, the scores stay: `jobs.leftovers` removes the files. Twice is harmless."""
    principal.require("datasets.delete")
    with transaction.atomic():
        job = Job.objects.select_for_update().get(id=reading.get(principal, job_id).id)
        if not job.files:
            return
        job.files, job.tidy_at = [], clock.now()
        job.save(update_fields=["files", "tidy_at"])
        audit.note(principal, "job.answers_delete", job.id, job.name)


def _prefix(job: Job) -> str:
    return keys.attempt_prefix(job.organisation_id, job.id, job.attempt_number)


def _size(job: Job, path: str) -> int:
    entries: list[Entry] = job.files
    for entry in entries:
        if entry["path"] == path:
            return entry["size"]
    raise NotFound(GONE)


def _lines(key: str, at: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Lines from byte `at`, each with the byte after it."""
    rest, end = b"", at
    while at < size:
        try:
            piece = objects.get_bytes(key, at, _PIECE)
        except objects.Missing:
            raise NotFound(GONE) from None
        at += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST:
            raise NotFound("An answer is too long to be shown. Download the file.")
        for line in lines:
            end += len(line) + 1
            yield end, line


def _read(line: bytes) -> Json:
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NotFound("No answer begins there. Begin at the first one.")
    return answer
