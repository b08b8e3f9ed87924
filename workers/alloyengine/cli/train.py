"""`alloy train`: one training job on this machine."""

import signal
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.specs import read_spec
from alloyengine.errors import InputError, Stopped
from alloyengine.spec.train import TrainSpec


def train(
    spec: Annotated[Path, typer.Argument(help="YAML; model and dataset are paths beside it")],
    out: Annotated[Path | None, typer.Argument(help="New folder for the trained model")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, and train nothing")
    ] = False,
    price: Annotated[
        float | None, typer.Option(help="Of this machine an hour, for the estimate", min=0)
    ] = None,
) -> None:
    """Fine-tune a model as a spec says. Run again after an interruption, it goes on."""
    read, inputs = read_spec(TrainSpec, spec)
    if dry_run:
        _foresee(read, inputs, price)
    elif out is not None:
        _train(read, inputs, out)
    else:
        raise InputError(
            "out_missing", "OUT: a folder for the trained model is needed.", "Or ask for --dry-run."
        )


def _train(read: TrainSpec, inputs: dict[str, Path], out: Path) -> None:
    from alloyengine.train.run import run

    with ConsoleReporter() as report:
        for order in (signal.SIGTERM, signal.SIGINT):
            signal.signal(order, partial(_stop, report))
        try:
            result = run(read, inputs, out, report, out.with_name(f"{out.name}.checkpoints"))
        except Stopped as stopped:
            raise Stopped("stopped", f"{stopped} Run the same command again to go on.") from None
        report.log(
            f"{result.steps} steps over {result.tokens} tokens, final loss "
            f"{result.final_loss:.4f}. The model is in {out}."
        )


def _foresee(spec: TrainSpec, inputs: dict[str, Path], price: float | None) -> None:
    from alloyengine.train.foresee import foresee_spec
    from alloyengine.train.machine import make_ready

    make_ready()
    with ConsoleReporter() as report:
        found = foresee_spec(spec, inputs, report)
    console = Console()
    table = Table("memory for", Column("GB", justify="right"))
    for what, size in found.memory.items():
        table.add_row(what, f"{size / 1e9:.2f}")
    table.add_section()
    table.add_row("at the highest", f"{found.peak / 1e9:.2f}")
    console.print(table)
    if price is not None:
        console.print(f"Cost: {found.seconds / 3600 * price:.2f}")


def _stop(report: ConsoleReporter, number: int, _frame: object) -> None:
    """Once: after this step, with a checkpoint. Twice: now."""
    if report.stopping():
        raise KeyboardInterrupt
    report.log("Stops after this step; once more stops at once.", "warning")
    report.stop()
