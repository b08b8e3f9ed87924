"""`alloy faults`: the fault campaign of the checkout's `bench/faults/`."""

import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from alloyworks.cli.bench import reach_benches

console = Console()


def faults(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long faults strike")] = 15,
    jobs: Annotated[int, typer.Option(min=1, help="How many are submitted meanwhile")] = 200,
    seed: Annotated[int, typer.Option(help="Draws the jobs and the faults")] = 1,
    scenario: Annotated[
        str, typer.Option(help="kill, flush, no-broker, database, storage, frozen or mixed")
    ] = "mixed",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here")] = None,
) -> None:
    """Run many small jobs while processes are killed and stores fail; check that nothing is lost.

    On a stack of its own, which is gone afterwards. Exit code 1 when an invariant was violated.
    """
    reach_benches()
    campaign = importlib.import_module("bench.faults.campaign")
    with _bar() as bar:
        task = bar.add_task("Starting", total=None)

        def told(phase: str, done: float, total: float) -> None:
            bar.update(task, description=phase, completed=done, total=total)

        try:
            figures = campaign.run(scenario, minutes, jobs, seed, told)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    if json_file:
        _keep(json_file, scenario, figures)
    _show(figures)
    if figures["violations"]:
        raise typer.Exit(1)


def _keep(file: Path, scenario: str, figures: dict[str, Any]) -> None:
    """One file holds the last run of each scenario."""
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | {scenario: figures}, indent=2) + "\n")


def _show(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        if name not in ("violations", "where"):
            console.print(f"{name:18}{_words(value)}", highlight=False)
    for violation in figures["violations"]:
        console.print(f"[red]violated[/]  {violation}", highlight=False)
    console.print(f"{len(figures['violations'])} violations")


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items()) or "none"
    return str(value)


def _bar() -> Progress:
    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
