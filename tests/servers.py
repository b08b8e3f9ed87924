"""PostgreSQL, Valkey and S3 for one pytest session, started when the first test needs them.

    python -m tests.servers STATE PID   keeps them alive until process PID is gone

The keeper is a process of its own so that every xdist worker can use the same servers, and so
that none is left behind when pytest is killed.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import psycopg

from alloyworks.embedded import postgres, processes, services, state
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import DATABASE, State

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0


def arrange() -> State:
    """Sets the ALLOY_… variables before Django reads them; starts nothing."""
    if "alloyworks.settings" in sys.modules:
        raise RuntimeError("Django's settings are loaded too early: unset DJANGO_SETTINGS_MODULE.")
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        for name in [name for name in os.environ if name.startswith("ALLOY_")]:
            del os.environ[name]
        ours = State(Path(tempfile.mkdtemp(prefix="alloy-tests-")))
        ours.prepare()
        ours.dir.chmod(0o711)
        ours.choose_ports(web=None)
        os.environ |= state.environment(ours, {})
        os.environ["ALLOY_TEST_SESSION"] = str(os.getpid())
    ours = State(Path(os.environ["ALLOY_STATE_DIR"]))
    os.environ["DJANGO_SETTINGS_MODULE"] = "alloyworks.settings"
    number = int((worker or "gw0").removeprefix("gw"))
    for name in ("ALLOY_DATABASE_URL", "ALLOY_DATABASE_OWNER_URL"):
        os.environ[name] = os.environ[name].rsplit("/", 1)[0] + f"/{DATABASE}_{number}"
    os.environ["ALLOY_BROKER_URL"] = os.environ["ALLOY_BROKER_URL"].rsplit("/", 1)[0] + f"/{number}"
    return ours


def use(ours: State) -> None:
    """The servers run, and this worker has a fresh database of its own."""
    with _locked(ours):
        if not (ours.run / "ready").exists():
            _start(ours)
        _copy_database(ours, urlsplit(os.environ["ALLOY_DATABASE_URL"]).path.lstrip("/"))


def end(ours: State) -> None:
    """Stops the servers and removes their folder."""
    keeper = ours.run / "keeper"
    if keeper.exists():
        processes.end([Mark.of(int(keeper.read_text()))], patience=30)
    shutil.rmtree(ours.dir, ignore_errors=True)


@contextmanager
def _locked(ours: State) -> Iterator[None]:
    with (ours.run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(ours: State) -> None:
    words = [str(ours.dir), os.environ["ALLOY_TEST_SESSION"]]
    path = os.pathsep.join(str(ROOT / room) for room in (".", "platform", "workers", "k8s"))
    environment = {**os.environ, "PYTHONPATH": path}
    log = ours.log("keeper")
    command = [sys.executable, "-P", "-m", "tests.servers", *words]
    keeper = processes.spawn(command, environment, log, dies_with_us=None)
    (ours.run / "keeper").write_text(str(keeper.pid))
    deadline = time.monotonic() + PATIENCE
    while not (ours.run / "ready").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The test servers do not start:\n{processes.tail(log, 40)}")
        time.sleep(0.05)


def _copy_database(ours: State, name: str) -> None:
    url = postgres.owner_url(ours.ports()["postgres"], ours.secrets()["owner"])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}")


def keep(ours: State, session: Mark) -> None:
    """Runs the servers until the session is over."""
    environment = {**os.environ, **state.environment(ours, {})}
    running: list[subprocess.Popen[bytes]] = []
    try:
        for service in services.stores(ours, {}):
            if service.before:
                service.before()
            words, log = {**environment, **service.extra}, ours.log(service.name)
            running.append(processes.spawn(service.command, words, log, service.stops_by))
        for service in services.stores(ours, {}):
            _await(service)
        _prepare(ours, environment)
        (ours.run / "ready").touch()
        while session.alive():
            time.sleep(0.5)
    finally:
        # SIGINT makes PostgreSQL end its connections; the others know SIGTERM.
        for process, service in zip(running, services.stores(ours, {}), strict=False):
            process.send_signal(service.stops_by)
        for process in running:
            process.wait(timeout=20)
        shutil.rmtree(ours.dir, ignore_errors=True)


def _await(service: services.Service) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return service.check()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _prepare(ours: State, environment: dict[str, str]) -> None:
    """The database that every worker copies; it need not survive a power cut."""
    port, password = ours.ports()["postgres"], ours.secrets()["owner"]
    with psycopg.connect(postgres.owner_url(port, password), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    postgres.create_database(port, password)
    command = services.python("django", "prepare_database")
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd="/", check=False
    )
    if done.returncode:
        raise RuntimeError(f"prepare_database failed:\n{done.stderr}")


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    keep(State(Path(sys.argv[1])), Mark.of(int(sys.argv[2])))
