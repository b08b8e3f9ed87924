"""`alloy merge`: one merge on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from alloyengine.cli.console import ConsoleReporter
from alloyengine.errors import InputError
from alloyengine.merge.recipe import parse
from alloyengine.spec.merge import MergeSpec


def merge(
    recipe: Annotated[Path, typer.Argument(help="YAML recipe; models are paths beside it")],
    out: Annotated[Path, typer.Argument(help="New folder for the merged model")],
) -> None:
    """Merge models as a recipe says."""
    spec = MergeSpec(recipe=parse(_read(recipe)))
    inputs = {ref.reference: recipe.parent / ref.reference for ref in spec.inputs()}
    from alloyengine.merge.run import run

    with ConsoleReporter() as report:
        facts = run(spec, inputs, out, report).facts
        report.log(f"{facts.parameters:,} parameters in {facts.dtype}. The model is in {out}.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("recipe_missing", f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError("recipe_wrong", f"{path} is not a text file.") from None
