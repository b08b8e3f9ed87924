"""`alloy bench NAME`: runs `bench/NAME.py` of the checkout and keeps its figures.

A bench is a module with `run(...)`, which gives rows: a name and its figures. `run` names the
options that the bench takes, among those of the command below.
"""

import importlib
import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

FOLDER = Path(__file__).resolve().parents[3] / "bench"
console = Console()

Figures = dict[str, Any]


def bench(
    name: Annotated[str, typer.Argument(help="A file of bench/, without .py")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Once instead of several times")] = False,
    only: Annotated[
        str, typer.Option(help="Rows whose names contain one of these, commas between; FILE's stay")
    ] = "",
    sizes: Annotated[str, typer.Option(help="Sizes of models, such as 0.1B,1.1B")] = "",
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "",
) -> None:
    """Measure: each bench prints a table, and writes its figures with --json FILE."""
    run = _load(name).run
    options: Figures = {"quick": quick, "only": _words(only), "sizes": _words(sizes)}
    options["device"] = device
    figures = _read(json_file) if only else {}
    new: dict[str, Figures] = {}
    for row, measured in _rows(run(**_chosen(name, run, options))):
        new[row] = figures[row] = measured
        if json_file:  # after every row: a bench may take an hour
            json_file.write_text(json.dumps(figures, indent=2) + "\n")
    _show(name, new)
    if not all(row.get("ok", True) for row in new.values()):
        raise typer.Exit(1)


def _load(name: str) -> Any:
    known = sorted(path.stem for path in FOLDER.glob("*.py") if "\ndef run(" in path.read_text())
    if name not in known:
        raise typer.BadParameter(f"{name!r} is no bench; there are: {', '.join(known)}")
    reach_benches()
    return importlib.import_module(f"bench.{name}")


def reach_benches() -> None:
    """Makes `bench` importable: it lies in the checkout and is in no wheel."""
    if str(FOLDER.parent) not in sys.path:  # last, for nothing there shall hide a package
        sys.path.append(str(FOLDER.parent))


def _chosen(name: str, run: Any, options: Figures) -> Figures:
    """The options that were given; BadParameter for one that this bench doesn't take."""
    given = {option: value for option, value in options.items() if value}
    for option in given.keys() - inspect.signature(run).parameters.keys():
        raise typer.BadParameter(f"bench {name} has no --{option}")
    return given


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _read(path: Path | None) -> dict[str, Figures]:
    found: dict[str, Figures] = json.loads(path.read_text()) if path and path.exists() else {}
    return found


def _rows(
    figures: dict[str, Figures] | Iterable[tuple[str, Figures]],
) -> Iterator[tuple[str, Figures]]:
    yield from figures.items() if isinstance(figures, dict) else figures


def _show(name: str, figures: dict[str, Figures]) -> None:
    """One row a measured thing, one column a figure; or, where that is wider than the terminal, all
    figures of a thing below its name. Where it was measured is for the file.
    """
    flat = {
        what: {key: value for key, value in row.items() if not isinstance(value, dict)}
        for what, row in figures.items()
    }
    columns = list(dict.fromkeys(key for row in flat.values() for key in row))
    table = Table("", *columns, title=f"bench {name}")
    for what, row in ((what, row) for what, row in flat.items() if row):
        table.add_row(what, *(str(row.get(column, "")) for column in columns))
    endless = console.options.update(max_width=10_000)
    if console.measure(table, options=endless).maximum <= console.width:
        console.print(table)
        return
    for what, row in flat.items():
        console.print(f"[bold]{escape(what)}[/]")
        console.print("  " + " · ".join(f"{escape(key)} {value}" for key, value in row.items()))
