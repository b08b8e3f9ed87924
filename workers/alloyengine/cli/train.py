"""`alloy train`: one training job on this machine."""

import signal
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.specs import read_spec
from alloyengine.errors import Stopped
from alloyengine.spec.train import TrainSpec


def train(
    spec: Annotated[Path, typer.Argument(help="YAML; model and dataset are paths beside it")],
    out: Annotated[Path, typer.Argument(help="New folder for the trained model")],
) -> None:
    """Fine-tune a model as a spec says. Run again after an interruption, it goes on."""
    read, inputs = read_spec(TrainSpec, spec)
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


def _stop(report: ConsoleReporter, number: int, _frame: object) -> None:
    """Once: after this step, with a checkpoint. Twice: now."""
    if report.stopping():
        raise KeyboardInterrupt
    report.log("Stops after this step; once more stops at once.", "warning")
    report.stop()
