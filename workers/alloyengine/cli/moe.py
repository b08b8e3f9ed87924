"""`alloy moe`: one upcycling on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.inputs import locate
from alloyengine.cli.texts import bytes_of, read_text
from alloyengine.moe.recipe import parse
from alloyengine.spec.moe import MoeSpec


def moe(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe; models are folders or hub names")],
    out: Annotated[Path, typer.Argument(help="New folder for the sparse model")],
    balance: Annotated[
        bool, typer.Option(help="Send the prompts through it: how evenly are its experts used?")
    ] = True,
    text: Annotated[
        Path | None, typer.Option(help="Measure that by this text instead of the prompts")
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="0: one for each core")] = 0,
    shard_size: Annotated[str, typer.Option(help="Largest file of weights, such as 5GB")] = "5GB",
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's seed")] = None,
) -> None:
    """Make dense models the experts of one sparse model."""
    read = parse(read_text(recipe, "recipe"))
    if seed is not None:
        read = read.model_copy(update={"seed": seed})
    spec = MoeSpec(recipe=read, balance=balance)
    shard_bytes = bytes_of(shard_size)
    words = read_text(text, "text") if text else ""
    from alloyengine.moe.run import Options, run

    with ConsoleReporter() as report:
        references = dict.fromkeys(ref.reference for ref in spec.inputs())
        inputs = {reference: locate(reference, recipe.parent, report) for reference in references}
        result = run(spec, inputs, out, report, Options(threads, shard_bytes, words))
        report.log(
            f"{result.facts.parameters:,} parameters in {result.facts.dtype}, of which each token "
            f"meets {result.active_parameters:,}. The model is in {out}."
        )
