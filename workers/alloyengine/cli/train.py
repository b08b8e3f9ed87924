"""`alloy train`: one training job on this machine."""

import os
import signal
import sys
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.specs import read_spec
from alloyengine.errors import EngineError, InputError, Stopped
from alloyengine.report import Follower
from alloyengine.spec.train import TrainSpec

if TYPE_CHECKING:
    from alloyengine.train.parallel import World

_AFTER = 1.0  # seconds


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
    elif out is None:
        raise InputError(
            "out_missing", "OUT: a folder for the trained model is needed.", "Or ask for --dry-run."
        )
    elif int(os.environ.get("WORLD_SIZE", "1")) > 1:
        _take_part(read, inputs, out)
    elif read.resources.processes > 1:
        _start(read, spec, out)
    else:
        _train(read, inputs, out)


def _start(read: TrainSpec, spec: Path, out: Path) -> None:
    """The processes of a run on this machine."""
    from alloyengine.train.parallel.launch import launch
    from alloyengine.train.parallel.world import check_machine

    if read.resources.nodes > 1:
        raise InputError(
            "resources_nodes",
            f"resources.nodes = {read.resources.nodes}: one machine can't start the others.",
            "Run on each: torchrun --nnodes … --nproc-per-node … --no-python alloy train SPEC OUT.",
        )
    check_machine(read)
    program = "from alloyengine.cli.main import main; main()"
    command = [sys.executable, "-c", program, "train", str(spec), str(out)]
    if status := launch(command, read.resources.gpus):
        sys.exit(status)


def _take_part(read: TrainSpec, inputs: dict[str, Path], out: Path) -> None:
    """As one of the processes that share a run. What ends them all is said once."""
    from alloyengine.train.parallel import joined, leave, speaks_first
    from alloyengine.train.parallel.launch import die_with_parent

    die_with_parent()
    try:
        with joined() as world:
            _train(read, inputs, out, world)
    except Exception as error:
        if not isinstance(error, EngineError):
            time.sleep(_AFTER)  # another may have been killed, which is then what is said
        if speaks_first():
            raise
        sys.exit(2 if isinstance(error, InputError) else 1)
    leave()


def _train(
    read: TrainSpec, inputs: dict[str, Path], out: Path, world: "World | None" = None
) -> None:
    from alloyengine.train.parallel import ALONE
    from alloyengine.train.run import run

    world = world or ALONE
    with ConsoleReporter() if world.leads else nullcontext(Follower()) as report:
        for order in (signal.SIGTERM, signal.SIGINT):
            signal.signal(order, partial(_stop, report))
        try:
            kept = out.with_name(f"{out.name}.checkpoints")
            result = run(read, inputs, out, report, kept, world)
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


def _stop(report: ConsoleReporter | Follower, number: int, _frame: object) -> None:
    """Once: after this step, with a checkpoint. Twice: now."""
    if report.stopping():
        raise KeyboardInterrupt
    report.log("Stops after this step; once more stops at once.", "warning")
    report.stop()
