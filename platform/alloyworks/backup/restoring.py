"""Brings a backup back, into a deployment that holds nothing."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from django.core.management import call_command
from django.db import connections
from psycopg import sql

from alloyworks.backup import database
from alloyworks.backup.database import BackupFailed, Rows
from alloyworks.backup.manifest import Manifest, Stored
from alloyworks.config import config
from alloyworks.errors import Conflict
from alloyworks.storage import objects

Told = Callable[[str], None]
PREFIXES = ("orgs/", "base/")
FILLED = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename IN
    ('accounts_organisation', 'accounts_user', 'catalog_modelversion') ORDER BY 1
"""


def restore(folder: Path, told: Told = lambda _: None) -> Manifest:
    """Rows, then files, then a check of both. Raises Conflict when the target holds anything."""
    manifest = Manifest.read(folder)
    dump = folder / "database.dump"
    _check_files(folder, dump, manifest)
    if config.database_owner_url is None:
        raise Conflict("Set ALLOY_DATABASE_OWNER_URL: the tables are made as that role.")
    with database.connect(config.database_owner_url) as connection:
        _refuse_filled(connection)
        told("Restoring the database")
        _load(connection, dump, manifest)
    told(f"Restoring {len(manifest.stored):,} stored file(s)")
    for one in manifest.stored:
        objects.put_file(one.key, folder / "objects" / one.key)
    told("Checking rows and files")
    _check(manifest)
    _open_to_app_role()
    return manifest


def _check_files(folder: Path, dump: Path, manifest: Manifest) -> None:
    """Before anything is touched."""
    if not dump.exists() or _sha256(dump) != manifest.dump_sha256:
        raise BackupFailed(f"{dump} is not what the manifest says; use another backup.")
    for one in manifest.stored:
        path = folder / "objects" / one.key
        if not path.exists() or path.stat().st_size != one.size or _sha256(path) != one.sha256:
            raise BackupFailed(f"{path} is not what the manifest says; use another backup.")


def _refuse_filled(connection: Rows) -> None:
    for (table,) in connection.execute(FILLED).fetchall():
        statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(str(table)))
        row = connection.execute(statement).fetchone()
        if row and row[0]:
            raise Conflict(
                f"The database is not empty: {table} has {row[0]} row(s). Restore into a new "
                "deployment, such as `alloy up --state NEW`."
            )
    for prefix in PREFIXES:
        if objects.any_below(prefix):
            raise Conflict(f"The bucket is not empty: there is something below {prefix}.")


def _load(connection: Rows, dump: Path, manifest: Manifest) -> None:
    """The empty tables go, the dump's come. The app role has no rights on them as yet.

    So nobody works on a job before all is there and checked.
    """
    connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
    connection.execute("CREATE SCHEMA public")
    for role in {"alloy_queue", *manifest.policy_roles}:
        _ensure_role(connection, role)
    words = ["--no-owner", "--no-acl", "--exit-on-error", "--single-transaction", str(dump)]
    database.run("pg_restore", config.database_owner_url or "", words)
    _limit_functions(connection, manifest)


def _ensure_role(connection: Rows, name: str) -> None:
    """What a policy gives to it (the owner there, perhaps), our owner has here as well."""
    role = sql.Identifier(name)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
    me = connection.execute("SELECT current_user").fetchone()
    if me and me[0] != name:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))


def _limit_functions(connection: Rows, manifest: Manifest) -> None:
    """Those that look across tenants see their few columns, not all that their new owner sees."""
    connection.execute("GRANT USAGE, CREATE ON SCHEMA public TO alloy_queue")
    for table, column in manifest.queue_columns:
        statement = sql.SQL("GRANT SELECT ({}) ON {} TO alloy_queue")
        connection.execute(statement.format(sql.Identifier(column), sql.Identifier(table)))
    known = set(database.definers(connection))
    for signature in manifest.functions:
        if signature not in known:
            raise BackupFailed(f"The dump has no function {signature}.")
        function = sql.SQL("FUNCTION ") + sql.SQL(signature)
        connection.execute(sql.SQL("REVOKE EXECUTE ON {} FROM PUBLIC").format(function))
        connection.execute(sql.SQL("ALTER {} OWNER TO alloy_queue").format(function))
    connection.execute("REVOKE CREATE ON SCHEMA public FROM alloy_queue")


def _open_to_app_role() -> None:
    """Migrates on to this release where the backup is of an earlier one."""
    connections.close_all()
    call_command("prepare_database", verbosity=0)


def _check(manifest: Manifest) -> None:
    """Every tenant has its rows, and every file its bytes."""
    with database.connect(database.url()) as connection:
        database.refuse_half_sighted(connection)
        found = database.counts(connection)
    for owner, tables in manifest.rows.items():
        if (there := found.get(owner)) != tables:
            raise BackupFailed(f"Organisation {owner} should have {tables}, but has {there}.")
    for one in manifest.stored:
        _check_stored(one)


def _check_stored(one: Stored) -> None:
    stat = objects.stat(one.key)
    if stat is None or stat.size != one.size or objects.sha256(one.key) != one.sha256:
        raise BackupFailed(f"{one.key} did not arrive whole in storage.")


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
