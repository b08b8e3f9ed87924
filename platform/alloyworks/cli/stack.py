"""`alloy up`, `alloy down`, `alloy status`: the embedded stack."""

import json
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from alloyworks.embedded import stack
from alloyworks.embedded.state import State, state_dir

StateOption = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Where everything lies (default .alloy)"),
]
PHASES = {
    "starting": "starting the servers",
    "preparing": "preparing the database",
    "ready": "ready",
}


def up(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the pages; else a free one is found")
    ] = None,
    state: StateOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground/--detach", help="Stay until Ctrl-C, or return at once")
    ] = True,
) -> None:
    """Start the whole platform on this machine."""
    console, folder = Console(), state_dir(state)
    try:
        for name in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, _interrupt)
        running = start(console, folder, port, tied=foreground)
        if foreground and not running.was_up:
            console.print("Ctrl-C stops it.")
            _stay(folder)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half
        with console.status("Stopping"):
            stack.stop(folder)
        sys.exit(130)


def down(state: StateOption = None) -> None:
    """Stop the platform and its running jobs."""
    console, folder = Console(), state_dir(state)
    with console.status("Stopping"):
        stopped = stack.stop(folder)
    console.print("Stopped." if stopped else "Nothing runs here.")


def status(
    state: StateOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs")] = False,
) -> None:
    """Ask every service whether it works; exit code 1 when one does not."""
    console, folder = Console(), state_dir(state)
    found = stack.status(folder)
    url = stack.facts(State(folder))["url"] if found else None
    healthy = bool(found) and not any(service.problem for service in found)
    if as_json:
        services = [asdict(service) for service in found]
        console.print_json(json.dumps({"up": healthy, "url": url, "services": services}))
    elif not found:
        console.print(f"No stack runs in {folder}. Start one with `alloy up`.")
    else:
        console.print(_table(found), f"Pages: {url}", sep="\n")
    sys.exit(0 if healthy else 1)


def start(console: Console, folder: Path, port: int | None, *, tied: bool) -> stack.Running:
    """Starts the stack with a progress display, and says where things are."""
    began, was_up, done = time.monotonic(), stack.is_up(State(folder)), set[str]()
    with console.status("Starting") as display:

        def progress(facts: dict[str, Any]) -> None:
            for name, child in facts.get("children", {}).items():
                if child["ready"] and name not in done and not was_up:
                    done.add(name)
                    console.print(f"  [green]✓[/] {name:10}{time.monotonic() - began:5.1f} s")
            if phase := PHASES.get(facts.get("phase", "")):
                display.update(phase.capitalize())

        running = stack.start(folder, port, tied=tied, progress=progress)
    state = State(folder)
    console.print(f"{'Already up' if running.was_up else 'Up'}: [bold]{running.url}[/]")
    console.print(f"Mails:  {state.mails}\nState:  {folder}", highlight=False)
    return running


def _stay(folder: Path) -> None:
    """Until the stack is stopped by someone else, or Ctrl-C."""
    tick = threading.Event()
    while stack.is_up(State(folder)):
        tick.wait(1.0)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _table(found: list[stack.Health]) -> Table:
    table = Table("service", "pid", "restarts", "health")
    for service in found:
        health = f"[red]{service.problem}[/]" if service.problem else "[green]works[/]"
        table.add_row(service.name, str(service.pid or "-"), str(service.restarts), health)
    return table
