"""`alloy diff`: where models differ, and where merging them would make them interfere."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from alloyengine.cli.console import ConsoleReporter
from alloyengine.errors import InputError


def diff(
    models: Annotated[
        list[str], typer.Argument(help="Folders or hub names; model+adapter: a LoRA")
    ],
    base: Annotated[
        str | None, typer.Option(help="What they were tuned from: compares their changes")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the map as a picture: diff.svg, and diff.json")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for every figure; - writes to the terminal")
    ] = None,
) -> None:
    """Show where models differ, and where they would interfere when merged."""
    if base is None and len(models) != 2:
        raise InputError(
            "models_count",
            f"{len(models)} models can't be compared without a base.",
            "Name two models, or add --base.",
        )
    with ConsoleReporter() as report:
        found = _measure(models, base, report)
        text = json.dumps(found, ensure_ascii=False, allow_nan=False) + "\n"
        if out:
            _write(out, found, text)
            report.log(f"Wrote {out / 'diff.svg'} and {out / 'diff.json'}.")
        if json_file and str(json_file) != "-":
            json_file.write_text(text, encoding="utf-8")
            report.log(f"Wrote {json_file}.")
    if str(json_file) == "-":
        typer.echo(text, nl=False)
    else:
        _show(found)


def _measure(models: list[str], base: str | None, report: ConsoleReporter) -> dict[str, Any]:
    from alloyengine.cli.members import opened
    from alloyengine.diff.measure import difference, interference

    names = [*models] if base is None else [base, *models]
    with opened(names, report) as members:
        first, *others = members
        if base is None:
            return difference(first, others[0], report)
        return interference(first, others, report)


def _write(folder: Path, found: dict[str, Any], text: str) -> None:
    from alloyengine.diff.panels import panels_of
    from alloyengine.diff.picture import picture

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "diff.json").write_text(text, encoding="utf-8")
    drawn = picture(panels_of(found), "Where the models differ, by layer and module")
    (folder / "diff.svg").write_text(drawn, encoding="utf-8")


def _show(found: dict[str, Any]) -> None:
    from alloyengine.cli.diffmap import maps, summary
    from alloyengine.diff.panels import panels_of

    console = Console()
    console.print(maps(panels_of(found), console.width, console.color_system is not None))
    console.print(summary(found))
