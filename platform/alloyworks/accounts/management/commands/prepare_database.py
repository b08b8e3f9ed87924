"""`prepare_database`: the roles, the tables and the rights of a deployment. Safe to repeat.

It connects as the owner (ALLOY_DATABASE_OWNER_URL) and makes the role of ALLOY_DATABASE_URL
when it is missing. It refuses an app role that row-level security would not hold.
"""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

ONE_AT_A_TIME = 7_203_741  # advisory lock: several replicas may start at once


class Command(BaseCommand):
    help = "Makes the app role, migrates as the owner, and grants the app role its rights."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if "owner" not in connections.databases:
            raise CommandError("Set ALLOY_DATABASE_OWNER_URL: the tables are made as that role.")
        app = connections.databases["default"]
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
            ensure_role(cursor, app["USER"], app["PASSWORD"])
            refuse_powerful(cursor, app["USER"])
            call_command("migrate", database="owner", interactive=False, verbosity=0)
            with transaction.atomic(using="owner"):  # never for a moment more than it may
                grant(cursor, app["USER"])
            refuse_owner_of_tables(cursor, app["USER"])
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])
        self.stdout.write("The database is ready.")


def ensure_role(cursor: CursorWrapper, name: str, password: str) -> None:
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [name])
    if cursor.fetchone() is None:
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        cursor.execute(statement.format(sql.Identifier(name), sql.Literal(password)))


def refuse_powerful(cursor: CursorWrapper, name: str) -> None:
    """Superusers and BYPASSRLS roles, and whoever can become one or become the owner."""
    cursor.execute(
        """
        SELECT rolname FROM pg_roles WHERE pg_has_role(%s, oid, 'MEMBER')
        AND (rolsuper OR rolbypassrls OR rolname IN (current_user, 'alloy_queue'))
        """,
        [name],
    )
    if row := cursor.fetchone():
        raise CommandError(
            f"ALLOY_DATABASE_URL: role {name} has the rights of {row[0]}, which pass by row-level "
            "security. Use a role of its own: CREATE ROLE alloy_app LOGIN PASSWORD '…'."
        )


def refuse_owner_of_tables(cursor: CursorWrapper, name: str) -> None:
    cursor.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = %s", [name]
    )
    if row := cursor.fetchone():
        raise CommandError(
            f"ALLOY_DATABASE_URL: role {name} owns table {row[0]} and could lift its protection. "
            "Give the table to the owner role: ALTER TABLE … OWNER TO …."
        )


def grant(cursor: CursorWrapper, name: str) -> None:
    """Rows, not tables: the app role may neither truncate nor alter."""
    statements = [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
        "REVOKE UPDATE, DELETE ON accounts_auditentry FROM {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "GRANT EXECUTE ON FUNCTION alloy_jobs_to_look_at(), alloy_jobs_to_tidy() TO {role}",
        "GRANT EXECUTE ON FUNCTION alloy_turns(), alloy_started() TO {role}",
        "GRANT EXECUTE ON FUNCTION alloy_due_messages(), alloy_figures() TO {role}",
        "GRANT EXECUTE ON FUNCTION alloy_key(text), alloy_endpoints_awake() TO {role}",
    ]
    for statement in statements:
        cursor.execute(sql.SQL(statement).format(role=sql.Identifier(name)))
