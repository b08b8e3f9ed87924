"""PostgreSQL: the version, the roles, the walls between tenants, the tables, the clock."""

from time import time
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from alloyworks.doctor.findings import Findings, ok, problem, warning

# The first releases without CVE-2024-10976 and CVE-2025-8713, which see past row-level security.
FLOORS = {15: 14, 16: 10, 17: 6}
OLDEST = min(FLOORS)
SKEW_NOTICED, SKEW_WRONG = 2.0, 30.0  # seconds
_PREPARE = "Run `django-admin prepare_database` with ALLOY_DATABASE_OWNER_URL."

UNGUARDED = """
    SELECT c.relname FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND (c.relname = 'accounts_organisation' OR EXISTS (
        SELECT FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped
    ))
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
        SELECT FROM pg_policy p WHERE p.polrelid = c.oid
        AND p.polcmd = '*' AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL
    ))
    ORDER BY c.relname
"""
POWERS = """
    SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER')
    AND (rolsuper OR rolbypassrls OR rolname = 'alloy_queue')
"""
OWNED = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user"
VIEWS = """
    SELECT relname FROM pg_class
    WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
"""


def answers() -> Findings:
    """The others are asked only when this one has no problem."""
    try:
        [(number,)] = _rows("SELECT current_setting('server_version_num')::int")
    except Error as error:
        yield problem(
            "database",
            f"It does not answer: {_first_line(error)}",
            "Check ALLOY_DATABASE_URL, the server, and whether it may be reached from here.",
        )
        return
    major, minor = divmod(number, 10_000)
    if major < OLDEST or minor < FLOORS.get(major, 0):
        least = f"{major}.{FLOORS[major]}" if major in FLOORS else f"{OLDEST}.{FLOORS[OLDEST]}"
        yield problem(
            "database version",
            f"PostgreSQL {major}.{minor} has known ways past row-level security.",
            f"Use {least} or later.",
        )
    else:
        yield ok("database", f"PostgreSQL {major}.{minor} answers")


def role() -> Findings:
    """Policies hold for the app role."""
    if powers := _names(POWERS):
        yield problem(
            "app role",
            f"The role of ALLOY_DATABASE_URL has the rights of {powers}: no policy holds for it.",
            "Use a role of its own: CREATE ROLE alloy_app LOGIN PASSWORD '…'.",
        )
    elif owned := _names(OWNED):
        yield problem(
            "app role",
            f"The role of ALLOY_DATABASE_URL owns {owned} and could lift their protection.",
            "Give them to the owner role: ALTER TABLE … OWNER TO ….",
        )
    else:
        yield ok("app role", "no superuser, no BYPASSRLS, owner of nothing")


def walls() -> Findings:
    """Every table of tenants is forced behind policies, and no view looks past them."""
    if unguarded := _names(UNGUARDED):
        yield problem(
            "tenant tables",
            f"Not forced behind policies: {unguarded}.",
            "Nothing of ours leaves them so: restore the policies from the migrations.",
        )
    elif views := _names(VIEWS):
        yield problem(
            "tenant tables", f"Views may look past the policies: {views}.", "Drop these views."
        )
    else:
        yield ok("tenant tables", "each is forced behind its policies")


def tables() -> Findings:
    """The migrations of this release, no fewer and no more."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    unknown = set(executor.loader.applied_migrations) - set(executor.loader.graph.nodes)
    if missing:
        names = ", ".join(f"{one.app_label} {one.name}" for one, _ in missing)
        yield problem("migrations", f"Not applied: {names}.", _PREPARE)
    elif unknown:
        names = ", ".join(f"{app} {name}" for app, name in sorted(unknown))
        yield warning(
            "migrations",
            f"The tables are of a later release: {names}.",
            "Run that release; this one may misread what it wrote.",
        )
    else:
        yield ok("migrations", "all applied")


def clock() -> Findings:
    """Leases are counted with both clocks."""
    before = time()
    [(there,)] = _rows("SELECT extract(epoch FROM clock_timestamp())::float8")
    after = time()
    skew = max(there - after, before - there, 0.0)
    words = f"{skew:.1f} s between this machine and the database"
    if skew > SKEW_NOTICED:
        make = problem if skew > SKEW_WRONG else warning
        yield make("clock", f"{words}.", "Let NTP set the clocks of both.")
    else:
        yield ok("clock", words)


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _names(sql: str) -> str:
    return ", ".join(row[0] for row in _rows(sql))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
