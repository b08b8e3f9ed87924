"""Base models: put into the catalogue by the operator, visible to every organisation.

The engine obtains and checks a model, its files are uploaded, and then the owner role of the
database, which alone may, writes the row: there is never a row without its files.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError
from django.db import OperationalError, connections, transaction
from django.db.models import Max, QuerySet

from alloyworks.catalog import manifest, names, sources
from alloyworks.catalog.manifest import Entry
from alloyworks.catalog.models import ModelVersion
from alloyworks.catalog.sources import Obtained, Progress, Source
from alloyworks.errors import Conflict, Problem
from alloyworks.ids import new_id
from alloyworks.storage import keys, objects

OWNER = "owner"


class Unreachable(Problem):
    title, type = "A server does not answer", "unreachable"


@dataclass(frozen=True)
class Imported:
    model: ModelVersion
    new: bool  # False: it was there before


def _silent(phase: str, done: int, total: int) -> None:
    pass


def import_base(source: str, name: str | None = None, progress: Progress = _silent) -> Imported:
    """A folder, a hub id or the name of a packaged model becomes a base model.

    The same files under the same name are imported once; other files under a name that is taken
    become its next version. Invalid when the model can't be used.
    """
    wanted = sources.resolve(source)
    name = names.checked(wanted.name if name is None else name)
    with servers(), tempfile.TemporaryDirectory(prefix="alloy-import-") as scratch:
        objects.ensure_bucket()
        if before := _imported_before(wanted, name):
            return Imported(before, new=False)
        found = sources.obtain(wanted, Path(scratch), progress)
        entries = _described(found, progress)
        if same := _same(name, entries):
            return Imported(same, new=False)
        return _store(_row(wanted, name, found, entries), Path(found["folder"]), progress)


def base_models() -> QuerySet[ModelVersion]:
    """As the operator sees them, newest first."""
    if OWNER not in connections.databases:
        raise Conflict(
            "Only the owner of the database writes base models, and its address is not set. "
            "Set ALLOY_DATABASE_OWNER_URL, or start the embedded stack with `alloy up`."
        )
    return ModelVersion.objects.using(OWNER).filter(organisation=None).order_by("-id")


@contextmanager
def servers() -> Iterator[None]:
    """Says which server does not answer. Raises Unreachable."""
    try:
        yield
    except OperationalError as error:
        raise Unreachable(
            f"The database does not answer: {str(error).splitlines()[0]}. "
            "Start the stack with `alloy up`, or correct ALLOY_DATABASE_OWNER_URL."
        ) from None
    except (BotoCoreError, ClientError) as error:
        raise Unreachable(
            f"The object storage does not answer: {error} "
            "Start the stack with `alloy up`, or correct the ALLOY_S3_… settings."
        ) from None


def _imported_before(wanted: Source, name: str) -> ModelVersion | None:
    """Found without obtaining the model again."""
    rows = list(base_models().filter(name=name))
    if wanted.fixed:
        return next((row for row in rows if row.source == wanted.label), None)
    if wanted.folder is not None:
        folder = wanted.folder
        return next((row for row in rows if _lies_in(folder, row.files)), None)
    return None


def _lies_in(folder: Path, entries: list[Entry]) -> bool:
    """Whether these very files are there; sizes are compared first."""
    paths = [folder / entry["path"] for entry in entries]
    sizes = [path.stat().st_size if path.is_file() else None for path in paths]
    if sizes != [entry["size"] for entry in entries]:
        return False
    return manifest.describe(folder, [entry["path"] for entry in entries]) == entries


def _described(found: Obtained, progress: Progress) -> list[Entry]:
    folder, entries, done = Path(found["folder"]), list[Entry](), 0
    total = sum((folder / path).stat().st_size for path in found["files"])
    for path in found["files"]:
        progress("Reading", done, total)
        entries += manifest.describe(folder, [path])
        done += entries[-1]["size"]
    return entries


def _row(wanted: Source, name: str, found: Obtained, entries: list[Entry]) -> ModelVersion:
    model_id, revision = new_id(), found["revision"]
    return ModelVersion(
        id=model_id,
        name=name,
        origin="base",
        source=f"{wanted.label}@{revision}" if revision else wanted.label,
        storage_prefix=keys.base_prefix(model_id),
        files=entries,
        facts=found["facts"],
    )


def _store(model: ModelVersion, folder: Path, progress: Progress) -> Imported:
    with ExitStack() as undo:
        undo.callback(objects.delete_prefix, model.storage_prefix)
        manifest.upload(folder, model.storage_prefix, model.files, _counter(model, progress))
        with transaction.atomic(using=OWNER):
            _one_at_a_time(model.name)
            if same := _same(model.name, model.files):
                return Imported(same, new=False)  # somebody else was quicker
            newest = base_models().filter(name=model.name).aggregate(Max("version"))
            model.version = (newest["version__max"] or 0) + 1
            model.save(using=OWNER, force_insert=True)
        undo.pop_all()
    return Imported(model, new=True)


def _one_at_a_time(name: str) -> None:
    with connections[OWNER].cursor() as cursor:
        words = f"base model:{name}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [words])


def _same(name: str, entries: list[Entry]) -> ModelVersion | None:
    """Of the same name, with the same files."""

    def content(files: list[Entry]) -> set[tuple[str, str]]:
        return {(file["path"], file["sha256"]) for file in files}

    rows = base_models().filter(name=name)
    return next((row for row in rows if content(row.files) == content(entries)), None)


def _counter(model: ModelVersion, progress: Progress) -> Callable[[int], None]:
    """Adds up what the threads of an upload tell."""
    total, lock, sent = sum(file["size"] for file in model.files), Lock(), 0

    def told(size: int) -> None:
        nonlocal sent
        with lock:
            sent += size
            progress("Uploading", sent, total)

    return told
