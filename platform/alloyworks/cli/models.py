"""See the base models that every organisation has, and import more."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from alloyworks.cli.deployment import set_up
from alloyworks.cli.stack import StateOption

if TYPE_CHECKING:
    from alloyworks.catalog.models import ModelVersion

app = typer.Typer(
    help=__doc__,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
console = Console()


@app.command("import")
def import_model(
    source: Annotated[
        str, typer.Argument(metavar="PATH|HUB_ID|smollm2", help="Folder, OWNER/NAME, or smollm2")
    ],
    name: Annotated[str | None, typer.Option(help="How people call it; else the source's")] = None,
    state: StateOption = None,
) -> None:
    """Add a base model, from a folder, the Hugging Face hub, or the demo's package."""
    set_up(state)
    from alloyworks.catalog import base_models, versions

    with _bars(f"Obtaining {escape(source)}") as progress:
        imported = base_models.import_base(source, name, progress)
    words = "Imported" if imported.new else "Already imported:"
    label = escape(versions.label(imported.model))
    parameters, size = _extent(imported.model)
    words += f" [bold]{label}[/], {parameters} parameters, {size}."
    console.print(words, highlight=False, soft_wrap=True)


@app.command("list")
def list_models(state: StateOption = None) -> None:
    """Show the base models, newest first."""
    set_up(state)
    from alloyworks.catalog import base_models, versions

    with base_models.servers():
        found = list(base_models.base_models())
    if not found:
        console.print("None yet. Import one with `alloy models import`.")
        return
    table = Table("model", "parameters", "size", "from", "imported", box=box.SIMPLE_HEAD)
    for model in found:
        parameters, size = _extent(model)
        came, day = escape(model.source or "a folder"), f"{model.created_at:%Y-%m-%d}"
        table.add_row(escape(versions.label(model)), parameters, size, came, day)
    console.print(table)


def _extent(model: "ModelVersion") -> tuple[str, str]:
    """Number of weights, and size of all files."""
    size = sum(file["size"] for file in model.files)
    return f"{model.facts.get('parameters', 0) / 1e6:,.0f} M", f"{size / 1e6:,.0f} MB"


@contextmanager
def _bars(first: str) -> Iterator[Any]:
    """One line that says which phase it is, how many bytes and how long."""
    columns = (TextColumn("{task.description:<28}"), BarColumn(), DownloadColumn())
    spinner, left = SpinnerColumn(), TimeRemainingColumn()
    with Progress(spinner, *columns, left, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(first, total=None)

        def progress(phase: str, done: int, total: int) -> None:
            bars.update(task, description=phase, completed=done, total=total or None)

        yield progress
