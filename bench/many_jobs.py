"""A table with a million jobs, as after years: what is measured is how the others fare."""

import psycopg

_KNOWN = {
    "id": "gen_random_uuid()",
    "created_at": "now() - n * interval '1 second'",
    "name": "'job ' || n",
    "kind": "'merge'",
    "state": "'succeeded'",
    "attempt_number": "1",
    "attempt_limit": "3",
    "files": "'[]'",
}
_NUMBERS = ("smallint", "integer", "bigint", "double precision")
_EMPTY = {"jsonb": "'{}'", "character varying": "''", "text": "''", "boolean": "false"}
_EMPTY |= dict.fromkeys(_NUMBERS, "0")
_NEEDED = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_name = 'jobs_job' AND is_nullable = 'NO' AND column_default IS NULL
"""


def fill(owner_url: str, organisation: str, count: int) -> None:
    """As the owner, in the organisation's scope: policies hold for the owner too. Columns that came later
    are empty.
    """
    with psycopg.connect(owner_url) as connection:
        connection.execute("SELECT set_config('alloy.organisation', %s, true)", [organisation])
        needed = dict(connection.execute(_NEEDED).fetchall())
        values = {name: _EMPTY[kind] for name, kind in needed.items() if kind in _EMPTY}
        values |= _KNOWN | {"organisation_id": "%(organisation)s"}
        columns, told = ", ".join(values), ", ".join(values.values())
        insert = (
            f"INSERT INTO jobs_job ({columns}) SELECT {told} FROM generate_series(1, %(count)s) n"
        )
        words = {"organisation": organisation, "count": count}
        connection.execute(insert, words)  # type: ignore[arg-type]  # made of the words above
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE jobs_job")
