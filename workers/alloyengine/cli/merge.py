"""`alloy merge`: one merge on this machine."""

import re
from pathlib import Path
from typing import Annotated

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.inputs import locate
from alloyengine.errors import InputError
from alloyengine.merge.recipe import parse_stages
from alloyengine.spec.merge import MergeSpec

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


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
    stages, final = parse_stages(_read(recipe))
    if seed is not None:
        final = final.model_copy(update={"seed": seed})
    spec = MergeSpec(recipe=final, stages=stages)
    shard_bytes = _bytes(shard_size)
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


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgb]?)b?", text.strip().lower())
    size = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if size < 1:
        raise InputError(
            "shard_size", f"--shard-size {text!r} is no size.", "Write one such as 5GB or 500MB."
        )
    return size


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("recipe_missing", f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError("recipe_wrong", f"{path} is not a text file.") from None
