"""Start, stop and look at an embedded stack. Every function takes the state folder."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyworks.embedded import ports, processes, services, supervisor
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.state import State, read_json, web_names
from alloyworks.errors import Conflict, Problem

START_SECONDS = 180.0
RUNNER_SECONDS = 30.0  # for a last checkpoint
Progress = Callable[[dict[str, Any]], None]


class StackError(Problem):
    title = "The stack does not run"
    type = "stack"


@dataclass(frozen=True)
class Running:
    """A stack that answers."""

    url: str
    env: dict[str, str]
    state_dir: Path
    was_up: bool


@dataclass(frozen=True)
class Health:
    """One service now: `problem` is empty when its check passed."""

    name: str
    pid: int | None
    restarts: int
    problem: str


def start(
    state_dir: Path,
    port: int | None = None,
    *,
    tied: bool = False,
    progress: Progress = lambda _facts: None,
) -> Running:
    """Brings the stack up, or finds it up. A `tied` stack stops when this process dies."""
    state = State(state_dir)
    web_names(os.environ)  # refuses what the supervisor can't do
    state.prepare()
    _let_end(state)
    was_up = is_up(state)
    if not was_up and port and not ports.is_free(port):
        raise Conflict(f"Port {port} is in use; choose another with --port, or leave it out.")
    process = None if was_up else _spawn(state, port, tied)
    try:
        _await(state, process, progress)
    except StackError:
        stop(state_dir)
        raise
    was_up = was_up or (process is not None and process.poll() == supervisor.ALREADY_RUNNING)
    return Running(facts(state)["url"], environment(state_dir), state_dir, was_up)


def stop(state_dir: Path) -> bool:
    """Stops the stack, its job runners and its models' servers; says whether anything ran."""
    state = State(state_dir)
    if not (state.run / "stack.json").exists():
        return False
    up, runners = is_up(state), processes.runners(state.dir)
    # First the runners: as long as the platform is there it takes their last checkpoints.
    processes.end(runners, patience=RUNNER_SECONDS if up else 10)
    if mark := _supervisor(state):
        processes.end([mark], patience=60)
    supervisor.end_leftovers(state)
    processes.end(processes.runners(state.dir), patience=10)  # that were launched meanwhile
    processes.end(_model_servers(state), patience=10)
    return up or bool(runners)


def status(state_dir: Path) -> list[Health]:
    """Asks every service its real question, now."""
    state = State(state_dir)
    if not is_up(state):
        return []
    known, env = facts(state)["children"], environment(state_dir)
    wanted = services.stores(state, {}) + services.own(state, env)
    return [_health(service, known[service.name]) for service in wanted if service.name in known]


def environment(state_dir: Path) -> dict[str, str]:
    """The ALLOY_… variables that the stack of this folder was last started with."""
    found: dict[str, str] = read_json(State(state_dir).run / "environment.json")
    if not found:
        raise Conflict(f"There is no stack in {state_dir}; start one with `alloy up`.")
    return found


def facts(state: State) -> dict[str, Any]:
    """What the supervisor last wrote down."""
    found: dict[str, Any] = read_json(state.run / "stack.json")
    return found


def is_up(state: State) -> bool:
    """Whether a supervisor holds the folder's lock."""
    path = state.run / "lock"
    if not path.exists():
        return False
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _supervisor(state: State) -> Mark | None:
    mark = Mark(**facts(state)["supervisor"])
    return mark if mark.alive() else None


def _model_servers(state: State) -> list[Mark]:
    """Of endpoints: they outlive the control plane, but not the stack."""
    marks = (state.dir / "endpoints").glob("*/mark.json")
    return [Mark(**known) for path in marks if (known := read_json(path))]


def _let_end(state: State) -> None:
    """Waits for a stack that is on its way down."""
    deadline = time.monotonic() + START_SECONDS
    while is_up(state) and facts(state).get("phase") in ("stopping", "stopped", "failed"):
        if time.monotonic() > deadline:
            raise StackError(f"The stack of {state.dir} does not end; `alloy down` ends it.")
        time.sleep(0.1)


def _spawn(state: State, port: int | None, tied: bool) -> subprocess.Popen[bytes]:
    words = [str(state.dir), *([str(port)] if port else [])]
    command = services.python("alloyworks.embedded.supervisor", *words)
    dies = signal.SIGTERM if tied else None
    return processes.spawn(command, os.environ, state.log("supervisor"), dies)


def _await(state: State, process: subprocess.Popen[bytes] | None, progress: Progress) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        gone = process is not None and process.poll() not in (None, supervisor.ALREADY_RUNNING)
        now = _news(state, process)
        progress(now)
        if now.get("phase") == "ready":
            return
        if now.get("phase") == "failed":
            raise StackError(now["problem"])
        if gone or now.get("phase") in ("stopping", "stopped"):
            words = processes.tail(state.log("supervisor"))
            raise StackError(f"The stack stopped while it started.\n{words}".strip())
        time.sleep(0.1)
    raise StackError(f"Not ready after {START_SECONDS:.0f} s; the logs are in {state.logs}.")


def _news(state: State, process: subprocess.Popen[bytes] | None) -> dict[str, Any]:
    """The facts, unless they are an earlier supervisor's."""
    now = facts(state)
    ours = process is not None and now and now["supervisor"]["pid"] == process.pid
    return now if ours or (now and _supervisor(state)) else {}


def _health(service: services.Service, known: Mapping[str, Any]) -> Health:
    pid = known["mark"]["pid"] if known["mark"] else None
    problem = ""
    try:
        service.check()
    except Exception as error:  # noqa: BLE001  # whatever it is, the user is told
        problem = f"{type(error).__name__}: {error}"
    return Health(service.name, pid, known["restarts"], problem)
