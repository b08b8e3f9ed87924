"""`alloy limits`: what an organisation may use, set by the operator."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from alloyworks.cli.deployment import set_up
from alloyworks.cli.stack import StateOption

console = Console()
Number = Annotated[float | None, typer.Option(min=-1, help="-1: as the settings say")]


def limits(
    organisation: Annotated[UUID, typer.Argument(help="Its id: GET /api/v1/organisation tells it")],
    running_jobs: Number = None,
    open_jobs: Number = None,
    gpu_hours: Number = None,
    job_hours: Number = None,
    storage_bytes: Number = None,
    upload_bytes: Number = None,
    state: StateOption = None,
) -> None:
    """Show what an organisation may use and has used; set what is given."""
    given = {
        "running_jobs": running_jobs,
        "open_jobs": open_jobs,
        "gpu_hours": gpu_hours,
        "job_hours": job_hours,
        "storage_bytes": storage_bytes,
        "upload_bytes": upload_bytes,
    }
    _show(state, organisation, {name: value for name, value in given.items() if value is not None})


def _show(state: Path | None, organisation: UUID, wanted: dict[str, float]) -> None:
    set_up(state)
    from alloyworks.usage import operator

    table = Table("", "used", "allowed")
    for name, (used, allowed) in operator.set_limits(organisation, wanted).items():
        table.add_row(name.replace("_", " "), _words(used, ""), _words(allowed, "any"))
    console.print(table)


def _words(number: Any, none: str) -> str:
    return none if number is None else f"{number:,.15g}"
