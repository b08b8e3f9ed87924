"""Takes a backup."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from alloyworks.backup import database
from alloyworks.backup.database import BackupFailed, Rows
from alloyworks.backup.manifest import Manifest, Stored
from alloyworks.catalog.manifest import Entry
from alloyworks.errors import Conflict
from alloyworks.storage import keys, objects

Told = Callable[[str], None]
DATASETS = "SELECT organisation_id, id, files FROM catalog_dataset ORDER BY id"
CHECKPOINTS = """
    SELECT organisation_id, job_id, attempt_number, step, files FROM jobs_checkpoint ORDER BY id
"""
ANSWERS = """
    SELECT organisation_id, id, attempt_number, files FROM jobs_job WHERE files <> '[]' ORDER BY id
"""
MODELS = "SELECT storage_prefix, files FROM catalog_modelversion ORDER BY id"


def backup(folder: Path, told: Told = lambda _: None) -> Manifest:
    """Fills a new folder. Raises Conflict when it is not empty, or the role can't see all rows."""
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty; name a new folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    address = database.url()
    with database.connect(address) as connection:
        database.refuse_half_sighted(connection)
        with connection.transaction():
            # pg_dump, the counts and the list of files see the same moment.
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            manifest, wanted = _dump(connection, address, folder, told)
    told(f"Copying {len(wanted):,} stored file(s)")
    for one in wanted:
        _copy(one, folder, manifest)
    manifest.write(folder)
    return manifest


def _dump(
    connection: Rows, address: str, folder: Path, told: Told
) -> tuple[Manifest, list[Stored]]:
    told("Dumping the database")
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    snapshot = str(row[0]) if row else ""
    dump = folder / "database.dump"
    words = ["--format=custom", f"--snapshot={snapshot}", f"--file={dump}"]
    database.run("pg_dump", address, words)
    with dump.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    manifest = Manifest(
        taken_at=datetime.now(UTC),
        server=connection.info.parameter_status("server_version") or "",
        dump_sha256=digest,
        functions=database.functions(connection),
        policy_roles=database.policy_roles(connection),
        queue_columns=database.queue_columns(connection),
        rows=database.counts(connection),
        stored=[],
    )
    return manifest, list(_known(connection))


def _known(connection: Rows) -> Iterator[Stored]:
    """Every file that a row refers to."""
    for organisation, dataset, files in connection.execute(DATASETS):
        yield from _files(keys.dataset_prefix(organisation, dataset), files)
    for organisation, job, attempt, step, files in connection.execute(CHECKPOINTS):
        yield from _files(keys.checkpoint_prefix(organisation, job, attempt, step), files)
    for organisation, job, attempt, files in connection.execute(ANSWERS):
        yield from _files(keys.attempt_prefix(organisation, job, attempt), files)
    for prefix, files in connection.execute(MODELS):
        yield from _files(prefix, files)


def _files(prefix: str, files: list[Entry]) -> Iterator[Stored]:
    for file in files:
        yield Stored(key=keys.key(prefix, file["path"]), size=file["size"], sha256=file["sha256"])


def _copy(one: Stored, folder: Path, manifest: Manifest) -> None:
    path = folder / "objects" / one.key
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        objects.get_file(one.key, path)
    except objects.Missing:
        # A newer checkpoint may have taken its place meanwhile; a job goes on from those that are
        # whole, or anew.
        if "/checkpoints/" not in one.key:
            manifest.missing.append(one.key)
        return
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if (path.stat().st_size, digest) != (one.size, one.sha256):
        raise BackupFailed(
            f"{one.key} in storage is not what the catalogue says: {path.stat().st_size:,} bytes "
            f"with SHA-256 {digest}. Delete what it belongs to, or bring the file back."
        )
    manifest.stored.append(one)
