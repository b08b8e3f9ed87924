"""`alloy spectrum`: scan a model and write what other trainers read."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.errors import InputError

if TYPE_CHECKING:
    from alloyengine.checkpoint import Checkpoint
    from alloyengine.spectrum.modules import Scored


class Method(Enum):
    spectrum = "spectrum"
    mp = "mp"


def spectrum(
    model: Annotated[Path, typer.Argument(help="Folder with config.json and safetensors")],
    top: Annotated[str, typer.Option(help="Shares of each type, percent, commas between")] = "25",
    out: Annotated[
        Path, typer.Option(help="Folder for snr.json, snr_25.png and unfrozen_25.yaml")
    ] = Path("spectrum"),
    method: Annotated[
        Method, typer.Option(help="spectrum: as published. mp: with the edge of random matrices")
    ] = Method.spectrum,
    budget: Annotated[
        str | None,
        typer.Option(help="Instead of shares: as much as this memory trains, such as 6GB"),
    ] = None,
    embeddings: Annotated[bool, typer.Option(help="Train embedding and output head, too")] = True,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto")] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help="Scan even if it was done before")] = False,
) -> None:
    """Find the modules of a model with the highest signal-to-noise ratio."""
    from alloyengine.checkpoint import Checkpoint
    from alloyengine.spectrum.cache import scan_once
    from alloyengine.spectrum.files import write_ratios, write_unfrozen
    from alloyengine.spectrum.memory import bytes_of
    from alloyengine.spectrum.picture import save_picture
    from alloyengine.spectrum.scan import scan
    from alloyengine.spectrum.select import select, snr_report

    room = bytes_of(budget) if budget else 0
    percents = [] if budget else _percents(top)
    with ConsoleReporter() as report:
        found = (scan if fresh else scan_once)(model, report, method.value, percents, device)
        write_ratios(out, found.scored)
        with Checkpoint.open(model) as checkpoint:
            ends = _ends(checkpoint) if embeddings else []
            chosen: dict[str, tuple[float | None, list[Scored]]]
            chosen = {f"{p:g}": (p, select(found.scored, p)) for p in percents}
            if budget:
                chosen[budget] = (None, _within(found.scored, checkpoint, room, ends))
        for name, (percent, modules) in chosen.items():
            drawn = snr_report(found.scored, modules, percent)
            report.report("snr", drawn)
            save_picture(drawn, f"{model.resolve().name}: {name}", out / f"snr_{name}.png")
            file = write_unfrozen(out, name, modules, ends)
            report.log(f"{file}: {len(modules)} of {len(found.scored)} modules")


def _percents(words: str) -> list[float]:
    try:
        found = [float(word) for word in words.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < percent <= 100 for percent in found):
        raise InputError(
            "top", f"--top {words} is no share.", "Give numbers from 1 to 100, like 25,50."
        )
    return found


def _ends(checkpoint: "Checkpoint") -> list[str]:
    """Embedding and head, as the file has them."""
    from alloyengine.checkpoint.structure import Structure

    structure = Structure.of(checkpoint.config, checkpoint.tensors)
    return [name for name in (structure.head, structure.embedding) if name]


def _within(
    scored: "tuple[Scored, ...]", checkpoint: "Checkpoint", room: int, ends: list[str]
) -> "list[Scored]":
    from alloyengine.spectrum.memory import fits_in
    from alloyengine.spectrum.select import select_within

    fits = fits_in(room, checkpoint.tensors, ends)
    if not fits([]):
        raise InputError(
            "budget",
            f"--budget of {room / 1e9:.3g} GB does not even hold the model with what is always trained.",
            "Give more, or --no-embeddings.",
        )
    return select_within(scored, fits)
