"""Servers as detached processes of this machine, which outlive the control plane.

<state>/endpoints/<endpoint>-<launch>/
    mark.json   the process: pid and start time
    token       the launch's token, readable by us alone
    server.log  what the server says
    scratch/    the model
"""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from uuid import UUID

from alloyworks.config import config
from alloyworks.embedded import ports, processes
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import read_json, write_json
from alloyworks.serving.launchers import Full, Handle, Running
from alloyworks.serving.models import Endpoint
from alloyworks.serving.tokens import token_of

HOST = "127.0.0.1"
GRACE = 10.0  # seconds between "please stop" and SIGKILL
_INHERITED = (
    *("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
    *("ALLOY_ENGINE_MEMORY_GB", "ALLOY_ENGINE_FILE_GB", "ALLOY_ENGINE_PROCESSES"),
)


class LocalLauncher:
    """As many servers at once as ALLOY_LOCAL_ENDPOINTS says."""

    def __init__(self, folder: Path | None = None, places: int | None = None) -> None:
        self.folder = folder or config.state_dir / "endpoints"
        self.places = places or config.local_endpoints
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def launch(self, endpoint: Endpoint) -> tuple[Handle, str]:
        home = self._home(endpoint.id, endpoint.launch)
        with self._locked():
            known = read_json(home / "server.json")
            if known and _runs(home):
                return {"folder": home.name}, str(known["address"])
            if len(self.running()) >= self.places:
                raise Full
            port = ports.claim_inner(None)
            address = f"http://{HOST}:{port}"
            _start(home, endpoint, port)
            write_json(home / "server.json", {"address": address})
        return {"folder": home.name}, address

    def alive(self, endpoint: Endpoint) -> bool:
        return _runs(self._home(endpoint.id, endpoint.launch))

    def why_gone(self, endpoint: Endpoint) -> str:
        log = self._home(endpoint.id, endpoint.launch) / "server.log"
        last = processes.tail(log, 5).replace(str(self.folder), "")
        return f"The server ended. It said last: {last}" if last else "The server ended silently."

    def running(self) -> list[Running]:
        homes = [home for home in self.folder.iterdir() if home.is_dir() and _runs(home)]
        return [_running(home) for home in homes]

    def end(self, endpoint_id: UUID, launch: int) -> None:
        home = self._home(endpoint_id, launch)
        if mark := _mark(home):
            processes.end([mark], patience=GRACE)
        shutil.rmtree(home, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _home(self, endpoint_id: UUID, launch: int) -> Path:
        return self.folder / f"{endpoint_id}-{launch}"


def _running(home: Path) -> Running:
    endpoint, _, launch = home.name.rpartition("-")
    return UUID(endpoint), int(launch)


def _mark(home: Path) -> Mark | None:
    known = read_json(home / "mark.json")
    return Mark(**known) if known else None


def _runs(home: Path) -> bool:
    mark = _mark(home)
    return mark is not None and mark.alive()


def _start(home: Path, endpoint: Endpoint, port: int) -> None:
    shutil.rmtree(home, ignore_errors=True)  # of a start that was cut off
    (home / "scratch").mkdir(parents=True, mode=0o700)
    secret = home / "token"
    secret.touch(mode=0o600)
    secret.write_text(token_of(endpoint.id, endpoint.launch))
    words = {
        "ALLOY_SERVE_URL": config.runner_url or config.public_url,
        "ALLOY_SERVE_TOKEN_FILE": str(secret),
        "ALLOY_SERVE_SCRATCH": str(home / "scratch"),
        "ALLOY_SERVE_HOST": HOST,
        "ALLOY_SERVE_PORT": str(port),
        "HOME": str(home / "scratch"),
    }
    # Not the control plane's secrets: a server knows its token and no more.
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    command = [sys.executable, "-P", "-m", "alloyengine.serve"]
    process = processes.spawn(command, inherited | words, home / "server.log", dies_with_us=None)
    write_json(home / "mark.json", asdict(Mark.of(process.pid)))
