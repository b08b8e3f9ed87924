"""`alloy backup` and `alloy restore`: database and storage, into a folder and back."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from alloyworks.cli.deployment import set_up
from alloyworks.cli.stack import StateOption

Folder = Annotated[Path, typer.Argument(metavar="FOLDER")]


def backup(folder: Folder, state: StateOption = None) -> None:
    """Copy the database and every stored file that it knows into a new folder."""
    set_up(state)
    from alloyworks.backup import taking

    console = Console()
    taken = taking.backup(folder, _said(console))
    console.print(f"Backed up to {folder}: {taken.words()}.", highlight=False)
    if taken.missing:
        console.print(f"[red]{len(taken.missing)} file(s) were not in storage:[/]")
        for key in taken.missing:
            console.print(f"  {key}", highlight=False)
        sys.exit(1)


def restore(folder: Folder, state: StateOption = None) -> None:
    """Bring a backup into an empty deployment, and check every row and byte of it."""
    set_up(state)
    from alloyworks.backup import restoring

    console = Console()
    restored = restoring.restore(folder, _said(console))
    console.print(f"Restored and checked: {restored.words()}.", highlight=False)
    console.print("Restart its processes: `alloy down`, `alloy up`, or your own.", highlight=False)


def _said(console: Console) -> Callable[[str], None]:
    return lambda words: console.print(f"  {words}", highlight=False)
