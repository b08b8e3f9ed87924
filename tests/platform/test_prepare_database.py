"""`manage.py prepare_database` on a database of its own."""

import os
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from alloyworks.embedded.services import python

OWNER_URL = os.environ["ALLOY_DATABASE_OWNER_URL"]
SERVER = f"{OWNER_URL.rpartition('/')[0]}/postgres"


@pytest.fixture
def empty(django_db_setup: None) -> Iterator[str]:
    """The URL of an empty database, for the owner."""
    name = f"prepare_{os.getpid()}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{OWNER_URL.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def role(django_db_setup: None) -> Iterator[str]:
    """A role's name that is free again afterwards."""
    name = f"app_{os.getpid()}"
    yield name
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP ROLE IF EXISTS {name}")


def prepare(owner_url: str, app: str) -> subprocess.CompletedProcess[str]:
    parts = urlsplit(owner_url)
    app_url = f"postgresql://{app}:pw@{parts.hostname}:{parts.port}{parts.path}"
    variables = {"ALLOY_DATABASE_OWNER_URL": owner_url, "ALLOY_DATABASE_URL": app_url}
    return subprocess.run(
        python("django", "prepare_database"),
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_makes_the_role_and_may_be_repeated(empty: str, role: str) -> None:
    for _ in range(2):
        done = prepare(empty, role)
        assert (done.returncode, done.stdout) == (0, "The database is ready.\n"), done.stderr

    parts = urlsplit(empty)
    with psycopg.connect(f"postgresql://{role}:pw@{parts.netloc.split('@')[1]}{parts.path}") as app:
        assert app.execute("SELECT count(*) FROM accounts_organisation").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("TRUNCATE accounts_organisation CASCADE")
    with psycopg.connect(empty, autocommit=True) as owner:
        owner.execute(f"DROP OWNED BY {role}")


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS"])
def test_it_refuses_a_role_that_policies_do_not_hold(empty: str, role: str, power: str) -> None:
    with psycopg.connect(empty, autocommit=True) as owner:
        owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw' {power}")

    done = prepare(empty, role)

    assert done.returncode == 1
    assert "pass by row-level security" in done.stderr


def test_it_refuses_to_run_the_app_as_the_owner(empty: str) -> None:
    assert "pass by row-level security" in prepare(empty, urlsplit(empty).username or "").stderr


def test_the_owner_need_not_be_a_superuser(empty: str, role: str) -> None:
    owner, name = f"{role}_owner", urlsplit(empty).path.lstrip("/")
    with psycopg.connect(empty, autocommit=True) as server:
        server.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'pw' CREATEROLE")
        server.execute(f"GRANT alloy_queue TO {owner}")  # made by the other test databases
        server.execute(f"ALTER DATABASE {name} OWNER TO {owner}")
        try:
            done = prepare(f"postgresql://{owner}:pw@{empty.split('@')[1]}", role)
            assert done.returncode == 0, done.stderr
        finally:
            server.execute(f"REASSIGN OWNED BY {owner} TO CURRENT_USER")
            server.execute(f"DROP OWNED BY {role}, {owner}")
            server.execute(f"DROP ROLE {owner}")
