"""Who may see which rows, enforced by PostgreSQL's row-level security.

The web and worker processes connect as a role that owns nothing and can't bypass policies.
`scope()` opens a transaction and says, for this transaction alone, whose rows are wanted:

    alloy.organisation   rows of this organisation
    alloy.user           this person's memberships, whatever the organisation
    alloy.secret         the one row whose secret has this hash (API key, invitation, run token)

Outside a scope nothing is seen. The only views across tenants are functions: for the reconciler
`alloy_jobs_to_look_at()` and `alloy_jobs_to_tidy()`, which tell ids and nothing else, `alloy_turns()`
and `alloy_started()`, which tell ids and numbers of jobs that wait or run, and for whoever says the
secret of an API key `alloy_key()`, which tells whose it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from uuid import UUID

from django.db import connection, migrations, transaction

from alloyworks.observability.logs import bound

SETTINGS = ("alloy.organisation", "alloy.user", "alloy.secret")


@contextmanager
def scope(
    organisation: UUID | None = None, user: UUID | None = None, secret: str | None = None
) -> Iterator[None]:
    """A transaction that sees one organisation's rows; scopes nest and restore what was."""
    wanted = [str(value or "") for value in (organisation, user, secret)]
    nested = connection.in_atomic_block
    told = bound(organisation_id=organisation) if organisation else nullcontext()
    with told, transaction.atomic():
        before = _settings() if nested else []
        _set(wanted)
        yield
        # An exception comes past here, and takes the settings back with the transaction, as does
        # the end of the outermost one.
        if nested and not connection.needs_rollback:
            _set(before)


def _settings() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT " + ", ".join(["coalesce(current_setting(%s, true), '')"] * 3), SETTINGS
        )
        return list(cursor.fetchone())


def _set(values: list[str]) -> None:
    pairs = [item for pair in zip(SETTINGS, values, strict=True) for item in pair]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(["set_config(%s, %s, true)"] * 3), pairs)


def setting(name: str, cast: str = "uuid") -> str:
    """SQL for a setting's value; NULL when unset or empty, so that comparisons are false."""
    return f"nullif(current_setting('alloy.{name}', true), '')::{cast}"


def isolate(
    table: str, *, also_visible: str = "false", column: str = "organisation_id"
) -> migrations.RunSQL:
    """Turns row-level security on for a table whose `column` says the organisation.

    `also_visible` is an SQL condition that opens further rows for reading, never for writing.
    """
    own = f"{column} = {setting('organisation')}"
    return migrations.RunSQL(
        f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant ON {table} USING ({own}) WITH CHECK ({own});
        CREATE POLICY visible ON {table} FOR SELECT USING ({also_visible});
        """,
        f"""
        DROP POLICY tenant ON {table};
        DROP POLICY visible ON {table};
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
        """,
    )


def refer_inside(table: str, column: str, parent: str) -> migrations.RunSQL:
    """Refuses a reference to another organisation's row.

    PostgreSQL checks foreign keys without regard to policies, so a plain key would link tenants
    and tell whether a foreign id exists. This trigger looks as the writer does, and says of an
    invisible row what it says of a missing one. Rows without an organisation are everybody's.
    """
    name = f"inside_{column}"
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {table}_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT EXISTS (
                SELECT FROM {parent} WHERE id = NEW.{column}
                AND (organisation_id = NEW.organisation_id OR organisation_id IS NULL)
            ) THEN
                RAISE foreign_key_violation
                USING MESSAGE = format('{table}.{column}: no {parent} %s', NEW.{column});
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {column} ON {table}
        FOR EACH ROW WHEN (NEW.{column} IS NOT NULL) EXECUTE FUNCTION {table}_{name}();
        """,
        f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {table}_{name}();",
    )
