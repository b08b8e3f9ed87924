"""`alloy merge`: one merge on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.inputs import locate
from alloyengine.cli.texts import bytes_of, read_text
from alloyengine.merge.recipe import parse_stages
from alloyengine.spec.merge import MergeSpec


def merge(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe; models are folders or hub names")],
    out: Annotated[Path, typer.Argument(help="New folder for the merged model")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done and what does not fit")
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: a GPU if there is one")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="0: one for each core")] = 0,
    shard_size: Annotated[str, typer.Option(help="Largest file of weights, such as 5GB")] = "5GB",
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the recipe's seed")] = None,
    update: Annotated[
        bool, typer.Option("--update", help="OUT is an earlier result: keep what has not changed")
    ] = False,
) -> None:
    """Merge models as a recipe says."""
    stages, final = parse_stages(read_text(recipe, "recipe"))
    if seed is not None:
        final = final.model_copy(update={"seed": seed})
    spec = MergeSpec(recipe=final, stages=stages)
    shard_bytes = bytes_of(shard_size)
    from alloyengine.merge.run import Options, run

    with ConsoleReporter() as report:
        references = dict.fromkeys(ref.reference for ref in spec.inputs())
        inputs = {reference: locate(reference, recipe.parent, report) for reference in references}
        if dry_run:
            from alloyengine.cli.foresee import foresee

            foresee(spec, inputs, out, report.console)
            return
        options = Options(device, threads, shard_bytes, update, described=False)
        facts = run(spec, inputs, out, report, options).facts
        report.log(f"{facts.parameters:,} parameters in {facts.dtype}. The model is in {out}.")
