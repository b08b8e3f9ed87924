"""`alloy bench NAME`: runs `bench/NAME.py` of the checkout and keeps its figures."""

import importlib.util
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parents[3] / "bench"
console = Console()


def bench(
    name: Annotated[str, typer.Argument(help="A file of bench/, without .py")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here")] = None,
) -> None:
    """Measure: each bench prints a table, and writes its figures with --json FILE."""
    known = sorted(path.stem for path in FOLDER.glob("*.py"))
    if name not in known:
        raise typer.BadParameter(f"{name!r} is no bench; there are: {', '.join(known)}")
    figures = _run(name)
    _show(name, figures)
    if json_file:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


def _run(name: str) -> dict[str, dict[str, Any]]:
    spec = importlib.util.spec_from_file_location(f"bench_{name}", FOLDER / f"{name}.py")
    if spec is None or spec.loader is None:
        raise typer.BadParameter(f"bench/{name}.py can't be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    figures: dict[str, dict[str, Any]] = module.run()
    return figures


def _show(name: str, figures: dict[str, dict[str, Any]]) -> None:
    """One row a measured thing, one column a figure."""
    columns = list(dict.fromkeys(key for row in figures.values() for key in row))
    table = Table("", *columns, title=f"bench {name}")
    for what, row in figures.items():
        table.add_row(what, *(str(row.get(column, "")) for column in columns))
    console.print(table)
