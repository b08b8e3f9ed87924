"""PostgreSQL's side: the role that sees everything, its tools, and counting."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from alloyworks.backup.manifest import Counts
from alloyworks.config import config
from alloyworks.embedded import postgres
from alloyworks.errors import Conflict, Problem

SEES_ALL = "SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user"
TENANT_COLUMNS = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'organisation_id' ORDER BY table_name
"""
ACROSS_TENANTS = """
    SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
    WHERE r.rolname = 'alloy_queue' AND p.pronamespace = 'public'::regnamespace ORDER BY 1
"""
QUEUE_COLUMNS = """
    SELECT table_name, column_name FROM information_schema.column_privileges
    WHERE table_schema = 'public' AND grantee = 'alloy_queue' AND privilege_type = 'SELECT'
    ORDER BY table_name, column_name
"""
POLICY_ROLES = """
    SELECT DISTINCT rolname FROM pg_policy, unnest(polroles) AS named(role)
    JOIN pg_roles ON pg_roles.oid = named.role ORDER BY rolname
"""
DEFINERS = """
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE prosecdef AND pronamespace = 'public'::regnamespace
"""
SHARED = "base models"  # whose rows are everybody's
Rows = psycopg.Connection[tuple[Any, ...]]


class BackupFailed(Problem):
    title = "The backup or restore failed"
    type = "backup"


def url() -> str:
    """Of the role that backups use. Raises Conflict when none is set."""
    found = config.database_backup_url or config.database_owner_url
    if found is None:
        raise Conflict(
            "Set ALLOY_DATABASE_BACKUP_URL (a role with BYPASSRLS) or ALLOY_DATABASE_OWNER_URL."
        )
    return found


def connect(address: str) -> Rows:
    return psycopg.connect(address, autocommit=True, connect_timeout=10)


def refuse_half_sighted(connection: Rows) -> None:
    """A role that policies hold for would dump nobody's rows and call it a backup."""
    row = connection.execute(SEES_ALL).fetchone()
    if not (row and row[0]):
        raise Conflict(
            "The role of the backup sees no tenant's rows: row-level security is forced. Give "
            "ALLOY_DATABASE_BACKUP_URL a role for backups: CREATE ROLE alloy_backup LOGIN "
            "PASSWORD '…' BYPASSRLS; GRANT pg_read_all_data TO alloy_backup."
        )


def run(tool: str, address: str, words: Iterable[str]) -> None:
    """pg_dump or pg_restore; the password goes by the environment, where no list shows it."""
    parts = urlsplit(address)
    environment = {
        **os.environ,
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
    }
    with connect(address) as connection:
        program = _binary(tool, connection.info.server_version // 10_000)
    command = [program, "--no-password", f"--dbname={parts.path.lstrip('/')}", *words]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BackupFailed(f"{tool} says: {done.stderr.strip()}")


def counts(connection: Rows) -> Counts:
    """Rows by organisation and table, as the role of backups sees them."""
    found: Counts = {}
    tables = [str(row[0]) for row in connection.execute(TENANT_COLUMNS).fetchall()]
    for table in tables:
        statement = sql.SQL("SELECT organisation_id, count(*) FROM {} GROUP BY 1")
        for owner, number in connection.execute(statement.format(sql.Identifier(table))):
            found.setdefault(str(owner or SHARED), {})[table] = int(str(number))
    for (owner,) in connection.execute("SELECT id FROM accounts_organisation"):
        found.setdefault(str(owner), {})
    return dict(sorted(found.items()))


def functions(connection: Rows) -> list[str]:
    return [str(row[0]) for row in connection.execute(ACROSS_TENANTS)]


def definers(connection: Rows) -> list[str]:
    """Functions that run with their owner's rights."""
    return [str(row[0]) for row in connection.execute(DEFINERS)]


def policy_roles(connection: Rows) -> list[str]:
    return [str(row[0]) for row in connection.execute(POLICY_ROLES)]


def queue_columns(connection: Rows) -> list[tuple[str, str]]:
    return [(str(table), str(column)) for table, column in connection.execute(QUEUE_COLUMNS)]


def _binary(tool: str, server: int) -> str:
    """The one of the server's own major version; a newer one where there is none."""
    embedded = postgres.binary(tool)
    found = [str(embedded)] if embedded.exists() else []
    found += [path] if (path := shutil.which(tool)) else []
    fitting = {_major(path): path for path in reversed(found) if _major(path) >= server}
    if not fitting:
        raise Conflict(
            f"There is no {tool} of version {server} or later on this machine; install "
            "PostgreSQL's client tools."
        )
    return fitting[min(fitting)]


def _major(program: str) -> int:
    done = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    number = re.search(r"\d+", done.stdout)
    return int(number[0]) if number else 0
