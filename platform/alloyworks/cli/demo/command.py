"""The command: stack up, base model in, story told with progress bars, table, page."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from alloyworks.cli.demo import cluster, story
from alloyworks.cli.demo.client import Client, Json
from alloyworks.cli.stack import StateOption, start
from alloyworks.embedded import stack
from alloyworks.embedded.state import state_dir

console = Console()


def demo(
    keep: Annotated[bool, typer.Option(help="Leave the stack up at the end")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here")] = None,
    state: StateOption = None,
    port: Annotated[int | None, typer.Option(help="Of the pages; else a free one")] = None,
    executor: Annotated[
        Literal["local", "kubernetes"], typer.Option(help="Jobs as processes, or as pods")
    ] = "local",
) -> None:
    """Train two specialists, merge them, evaluate all four models, and show the page."""
    folder = state_dir(state)
    seconds: dict[str, float] = {}
    pods = executor == "kubernetes"
    if pods and keep:
        raise typer.BadParameter("--keep leaves no cluster behind: use one of the two.")
    with timed(seconds, "total"), ExitStack() as closing:
        if pods:
            closing.enter_context(cluster.executor(folder))
        url = closing.enter_context(_stack(folder, port, keep, seconds))
        if pods:
            told_by = os.environ | stack.environment(folder)
            closing.enter_context(cluster.controller(told_by, folder / "controller.log"))
        with timed(seconds, "base_model"):
            _import_base(folder)
        told = _tell(url, seconds)
    _show(told.table, seconds)
    _invite(told, f"{url}/jobs/{told.cast.jobs['evaluation']}/", keep)
    if json_file:
        figures = {"models": told.table, "seconds": seconds, "executor": executor}
        json_file.write_text(json.dumps(figures, indent=2))


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - begun, 1)


@contextmanager
def _stack(folder: Path, port: int | None, keep: bool, seconds: dict[str, float]) -> Iterator[str]:
    """The stack's address. It is stopped at the end unless it is to be kept or was up before."""
    with timed(seconds, "stack"):
        running = start(console, folder, port, tied=False)
    try:
        yield running.url
    finally:
        if not (keep or running.was_up):
            stack.stop(folder)


def _import_base(folder: Path) -> None:
    """The operator's part: a base model that every organisation sees."""
    alloy = Path(sys.executable).with_name("alloy")
    command = [str(alloy), "models", "import", "smollm2", "--name", story.BASE]
    environment = os.environ | stack.environment(folder)
    with console.status(f"Importing {story.BASE} from its package"):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise stack.StackError(f"The base model could not be imported.\n{done.stderr.strip()}")


@dataclass(frozen=True)
class Told:
    """The story's end."""

    table: dict[str, dict[str, float]]
    cast: story.Cast


def _tell(url: str, seconds: dict[str, float]) -> Told:
    client = Client(url)
    with timed(seconds, "upload"):
        cast = story.prepare(client)
    story.launch(client, cast)
    with timed(seconds, "jobs"), _bars() as bars:
        tasks = {name: bars.add_task(name, total=None, phase="", left="") for name in cast.jobs}
        jobs = story.watch(client, cast, lambda name, job: _draw(bars, tasks[name], job))
    seconds |= story.durations(jobs)
    return Told(story.scores(cast, jobs["evaluation"]), cast)


def _bars() -> Progress:
    columns = ("[bold]{task.description:<13}", "{task.fields[phase]:<22}")
    return Progress(
        SpinnerColumn(),
        *map(TextColumn, columns),
        BarColumn(),
        TextColumn("{task.fields[left]}"),
        console=console,
    )


def _draw(bars: Progress, task: Any, job: Json) -> None:
    progress = job.get("progress") or {}
    running = job["state"] == "running"
    left = progress.get("seconds_left")
    bars.update(
        task,
        phase=progress.get("phase", job["state"]) if running else job["state"],
        completed=1 if job["state"] == "succeeded" else progress.get("done", 0),
        total=1 if job["state"] == "succeeded" else progress.get("total"),
        left=f"{left:.0f} s left" if running and left is not None else "",
    )


def _show(table: dict[str, dict[str, float]], seconds: dict[str, float]) -> None:
    drawn = Table(title="Exact match on held-out questions, %")
    drawn.add_column("model")
    for task in story.TASKS:
        drawn.add_column(task, justify="right")
    for name, row in table.items():
        drawn.add_row(name, *(f"{row[task]:.1f}" for task in story.TASKS))
    console.print(drawn)
    console.print(f"{seconds['total']:.0f} seconds in all.")


def _invite(told: Told, page: str, kept: bool) -> None:
    console.print(f"See it in the browser: [bold]{page}[/]", soft_wrap=True)
    console.print(f"Sign in as {told.cast.email} with the password {told.cast.password}")
    if not kept:
        console.print("The stack is stopped; `./alloy up` starts it again, with everything in it.")
