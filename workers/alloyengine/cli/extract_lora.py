"""`alloy extract-lora`: what a model was tuned by, as a LoRA adapter."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from alloyengine.cli.console import ConsoleReporter

if TYPE_CHECKING:
    from alloyengine.checkpoint.structure import Structure
    from alloyengine.lora.records import Extraction, Record

_TOLD = 3


def extract_lora(
    model: Annotated[str, typer.Argument(help="The tuned model: a folder or a hub name")],
    base: Annotated[str, typer.Option(help="What it was tuned from")],
    out: Annotated[Path, typer.Option(help="New folder for the adapter")],
    rank: Annotated[int | None, typer.Option(help="Of each module, at most; 32 by itself")] = None,
    energy: Annotated[
        float | None, typer.Option(help="Share of each change to keep, such as 0.95: sets ranks")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="lora_alpha; by itself the rank")] = None,
    include: Annotated[str, typer.Option(help="Only modules that this regex finds")] = "",
    exclude: Annotated[str | None, typer.Option(help="No modules that this regex finds")] = None,
    embeddings: Annotated[
        Literal["auto", "lora", "save", "skip"],
        typer.Option(help="Embedding and head; auto: lora, but skip where they are one"),
    ] = "auto",
    others: Annotated[
        Literal["save", "skip"], typer.Option(help="Norms, biases: what can't be decomposed")
    ] = "save",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16")] = "float32",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: a GPU if there is one")] = "cpu",
) -> None:
    """Make a LoRA adapter of what a model and its base differ in."""
    # Read when numpy is first imported. Tensors are spread over the cores instead.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from alloyengine.cli.members import opened
    from alloyengine.lora.decompose import Wanted
    from alloyengine.lora.extract import extract
    from alloyengine.lora.settings import RANK, Settings

    wanted = Wanted(RANK if rank is None and energy is None else rank, energy)
    settings = Settings(wanted, alpha, include, exclude, embeddings, others, dtype, device)
    with ConsoleReporter() as report:
        with opened([base, model], report) as (origin, tuned):
            made = extract(tuned, origin, out, settings, report)
            drawn = table(made, origin.structure)
        _tell_left_out(made, report)
        report.log(f"The adapter is in {out}: {made.size / 1e6:,.1f} MB.")
    report.console.print(drawn)


def table(made: "Extraction", structure: "Structure") -> Table:
    """A row for every kind of module, its layers together."""
    from alloyengine.diff.grid import cell_of

    kinds: dict[str, list[Record]] = {}
    for record in made.records:
        kinds.setdefault(cell_of(record.tensor, structure).module, []).append(record)
    drawn = Table("module", "layers", "kept as", "rank", "energy kept", "least", box=None)
    for kind, records in kinds.items():
        drawn.add_row(kind, str(len(records)), *_summary(records))
    drawn.add_row("all together", "", "", "", f"{made.share:.1%}", "")
    return drawn


def _summary(records: "list[Record]") -> tuple[str, str, str, str]:
    ranks = [record.rank for record in records if record.rank]
    low, high = min(ranks, default=0), max(ranks, default=0)
    span = "" if not ranks else str(low) if low == high else f"{low} to {high}"
    total = sum(record.total for record in records)
    kept = sum(record.kept for record in records) / total
    fates = ", ".join(dict.fromkeys(record.fate for record in records))
    return fates, span, f"{kept:.1%}", f"{min(record.share for record in records):.1%}"


def _tell_left_out(made: "Extraction", report: ConsoleReporter) -> None:
    left = made.of("left out")
    if left:
        told = "; ".join(f"{record.tensor}: {record.why}" for record in left[:_TOLD])
        more = f"; and {len(left) - _TOLD} more" if len(left) > _TOLD else ""
        report.log(f"Left out, though changed ({len(left)}): {told}{more}.", "warning")
