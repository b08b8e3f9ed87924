"""The process that keeps a stack alive: `python -m alloyworks.embedded.supervisor STATE [PORT]`.

It starts every service, waits until each does its work, and starts again what dies. What it
knows is in `run/stack.json`, for `stack` to read. The lock on `run/lock` makes it the only one.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from alloyworks.embedded import postgres, processes, services
from alloyworks.embedded.processes import Mark
from alloyworks.embedded.services import Service
from alloyworks.embedded.state import State, environment, read_json, write_json

BEAT, SETTLED_AFTER, LONGEST_PAUSE = 0.1, 30.0, 10.0
DEATHS_BEFORE_READY = 5
ALREADY_RUNNING = 3


class StartError(Exception):
    """The stack can't start; the words are for the user."""


@dataclass
class Child:
    """A service and the process that is it at the moment."""

    service: Service
    log: Path
    environment: Mapping[str, str]
    popen: subprocess.Popen[bytes] | None = None
    mark: Mark | None = None
    ready: bool = False
    restarts: int = 0
    pause: float = 0.2
    born: float = 0.0
    next_start: float = 0.0

    def start(self) -> None:
        if self.service.before:
            self.service.before()
        variables = {**self.environment, **self.service.extra}
        how = self.service.stops_by
        self.popen = processes.spawn(self.service.command, variables, self.log, how)
        self.mark = Mark.of(self.popen.pid)
        self.born = time.monotonic()

    def tend(self) -> bool:
        """Starts the process again when it died; says whether anything changed."""
        now = time.monotonic()
        if self.popen and self.popen.poll() is not None:
            processes.end_session(self.popen.pid)
            settled = now - self.born > SETTLED_AFTER
            self.pause = 0.2 if settled else min(self.pause * 2, LONGEST_PAUSE)
            self.popen, self.mark, self.ready = None, None, False
            self.next_start = now + self.pause
            return True
        if self.popen is None and now >= self.next_start:
            self.restarts += 1
            self.start()
            return True
        return False

    def ask(self) -> bool:
        """Checks a service that was not ready; says whether it is now."""
        try:
            self.service.check()
        except Exception:  # noqa: BLE001  # any failure at all means: not ready yet
            return False
        self.ready = True
        return True

    def facts(self) -> dict[str, object]:
        mark = asdict(self.mark) if self.mark else None
        return {"mark": mark, "ready": self.ready, "restarts": self.restarts}


class Supervisor:
    def __init__(self, state: State, given: Mapping[str, str]) -> None:
        self.state, self.given = state, given
        ours = environment(state, given)
        write_json(state.run / "environment.json", ours)  # for commands in other shells
        self.environment = {**given, **ours}
        self.children: list[Child] = []
        self.phase, self.problem, self.stopping = "starting", "", False
        self.last_rotation = time.monotonic()

    def run(self) -> None:
        """Until told to stop."""
        try:
            self.bring_up(services.stores(self.state, self.given))
            self.prepare()
            self.bring_up(services.own(self.state, self.environment))
            self.phase = "ready"
            self.record()
            while not self.stopping:
                self.turn()
        except StartError as error:
            self.phase, self.problem = "failed", str(error)
        finally:
            self.shut_down()

    def bring_up(self, wanted: list[Service]) -> None:
        """Starts the services at once and waits for all of them."""
        for service in wanted:
            child = Child(service, self.state.log(service.name), self.environment)
            self.children.append(child)
            child.start()
        self.record()
        while not self.stopping and not all(child.ready for child in self.children):
            self.turn()
            for child in self.children:
                if child.restarts >= DEATHS_BEFORE_READY:
                    raise StartError(f"{child.service.name} dies at once:\n{self.words(child)}")

    def turn(self) -> None:
        """One round over all children."""
        changed = False
        for child in self.children:
            changed |= child.tend()
            if child.popen and not child.ready:
                changed |= child.ask()
        if changed:
            self.record()
        if time.monotonic() - self.last_rotation > 60:
            self.last_rotation = time.monotonic()
            for log in self.state.logs.glob("*.log"):
                processes.rotate(log)
        time.sleep(BEAT)

    def prepare(self) -> None:
        """Makes the database and brings its roles and tables up to date."""
        if self.stopping:
            return
        self.phase = "preparing"
        self.record()
        if "ALLOY_DATABASE_URL" not in self.given:
            postgres.create_database(self.state.ports()["postgres"], self.state.secrets()["owner"])
        log = self.state.log("prepare")
        command = services.python("django", "prepare_database")
        if processes.spawn(command, self.environment, log).wait() != 0:
            raise StartError(f"The database could not be prepared:\n{processes.tail(log)}")

    def shut_down(self) -> None:
        """Stops the children, those that use the others first."""
        if self.phase != "failed":
            self.phase = "stopping"
        self.record()
        for child in reversed(self.children):
            if child.mark:
                processes.end([child.mark], child.service.patience, child.service.stops_by)
                processes.end_session(child.mark.pid)
            child.popen, child.mark, child.ready = None, None, False
        if self.phase != "failed":
            self.phase = "stopped"
        self.record()

    def record(self) -> None:
        facts = {
            "phase": self.phase,
            "problem": self.problem,
            "supervisor": asdict(Mark.of(os.getpid())),
            "url": self.environment["ALLOY_PUBLIC_URL"],
            "children": {child.service.name: child.facts() for child in self.children},
        }
        write_json(self.state.run / "stack.json", facts)

    def words(self, child: Child) -> str:
        return processes.tail(child.log)

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.stopping = True


def end_leftovers(state: State) -> None:
    """Ends what a supervisor that was killed left behind."""
    children = read_json(state.run / "stack.json").get("children", {})
    marks = [Mark(**facts["mark"]) for facts in children.values() if facts["mark"]]
    processes.end(marks, patience=10, how=signal.SIGINT)


def main() -> None:
    state = State(Path(sys.argv[1]))
    port = int(sys.argv[2]) if len(sys.argv) > 2 else None
    with (state.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(ALREADY_RUNNING)
        end_leftovers(state)
        shutil.rmtree(state.run / "metrics", ignore_errors=True)  # of processes that are gone
        state.choose_ports(port)
        supervisor = Supervisor(state, os.environ)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, supervisor.stop)
        supervisor.run()


if __name__ == "__main__":
    main()
