"""`alloy make-delta` and `alloy apply-delta`: a tuned model as what it changed of its base."""

from pathlib import Path
from typing import Annotated

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.inputs import locate


def make_delta(
    base: Annotated[str, typer.Argument(help="What it was tuned from: a folder or a hub name")],
    tuned: Annotated[str, typer.Argument(help="The tuned model")],
    out: Annotated[Path, typer.Argument(help="New folder for the delta")],
) -> None:
    """Keep only the tensors in which a tuned model differs from its base."""
    from alloyengine.checkpoint.delta import make_delta as make
    from alloyengine.checkpoint.delta_record import WEIGHTS

    with ConsoleReporter() as report:
        origin, model = (locate(name, Path(), report) for name in (base, tuned))
        changed = make(origin, model, out, report)
        size = (out / WEIGHTS).stat().st_size
        report.log(f"{len(changed)} tensors differ, {size / 1e6:,.1f} MB. The delta is in {out}.")


def apply_delta(
    delta: Annotated[Path, typer.Argument(help="Folder with delta.json and delta.safetensors")],
    base: Annotated[str, typer.Argument(help="The model it was made from: a folder or a hub name")],
    out: Annotated[Path, typer.Argument(help="New folder for the whole model")],
) -> None:
    """Make the whole model of a delta and its base."""
    from alloyengine.checkpoint.delta import apply_delta as apply

    with ConsoleReporter() as report:
        apply(delta, locate(base, Path(), report), out, report)
        report.log(f"The model is in {out}.")
