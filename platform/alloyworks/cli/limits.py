"""`alloy limits`: what an organisation may use, set by the operator."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from alloyworks.cli.deployment import set_up
from alloyworks.cli.stack import StateOption

if TYPE_CHECKING:
    from alloyworks.accounts.models import Organisation

console = Console()
Number = Annotated[float | None, typer.Option(min=-1, help="-1: as the settings say")]


def limits(
    organisation: Annotated[str, typer.Argument(metavar="NAME|ID")],
    running_jobs: Number = None,
    open_jobs: Number = None,
    gpu_hours: Number = None,
    job_hours: Number = None,
    storage_bytes: Number = None,
    upload_bytes: Number = None,
    state: StateOption = None,
) -> None:
    """Show what an organisation may use and has used; set what is given."""
    wanted = {
        name: value for name, value in locals().items() if name in NAMES and value is not None
    }
    set_up(state)
    from alloyworks.usage import operator

    try:
        found = operator.organisation(organisation)
        shown = operator.set_limits(found, wanted)
    except operator.Unknown as problem:
        raise typer.BadParameter(str(problem)) from None
    _show(found, shown)


NAMES = ("running_jobs", "open_jobs", "gpu_hours", "job_hours", "storage_bytes", "upload_bytes")


def _show(organisation: "Organisation", rows: dict[str, tuple[Any, Any]]) -> None:
    table = Table("", "used", "allowed", title=organisation.name)
    for name, (used, allowed) in rows.items():
        words = "" if used is None else f"{used:,.6g}"
        table.add_row(name.replace("_", " "), words, "any" if allowed is None else f"{allowed:,}")
    console.print(table)
