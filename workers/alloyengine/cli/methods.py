"""`alloy methods`: what the merge methods are and what they take."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from alloyengine.errors import InputError
from alloyengine.merge.recipe import did_you_mean
from alloyengine.spec.methods import DECLARATIONS, Declaration, Parameter

console = Console()
_PLACES = {"global": "the merge", "model": "each model", "non-base": "each but the base"}


def methods(
    name: Annotated[str | None, typer.Argument(help="A method: its parameters in full")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="All of them, for a page")] = False,
) -> None:
    """List the merge methods, or one method's parameters."""
    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    if name is None:
        console.print(_overview())
        return
    if name not in DECLARATIONS:
        near = did_you_mean(name, DECLARATIONS)
        raise InputError("method_unknown", f"There is no merge method {name!r}.", near)
    _tell(name, DECLARATIONS[name])


def _overview() -> Table:
    table = Table("method", "what it does", "base", "models", "parameters", box=None)
    for name, declared in DECLARATIONS.items():
        names = ", ".join(parameter.name for parameter in declared.parameters)
        table.add_row(name, declared.summary, declared.base, models_of(declared), names)
    return table


def _tell(name: str, declared: Declaration) -> None:
    console.print(f"[bold]{name}[/]: {declared.summary}")
    console.print(f"Base: {declared.base}. Models: {models_of(declared)}. {declared.paper}".strip())
    table = Table("parameter", "default", "given for", "what it means", box=None)
    for parameter in declared.parameters:
        place = {"global": "the merge", "model": "each model", "non-base": "each but the base"}
        table.add_row(parameter.name, default_of(parameter), place[parameter.scope], parameter.help)
    console.print(table)


def models_of(declared: Declaration) -> str:
    """How many it joins, in words."""
    few, most = declared.fewest, declared.most
    count = f"{few}" if few == most else f"{few} or more"
    return count if declared.base == "ignored" else f"{count} beside the base"


def default_of(parameter: Parameter) -> str:
    if parameter.default is None:
        return "none" if parameter.optional else "required"
    flag = {True: "true", False: "false"}
    return flag[bool(parameter.default)] if parameter.flag else f"{parameter.default:g}"


def as_markdown() -> str:
    """The page docs/merging/methods.md."""
    parts = [
        "# Merge methods\n\nWritten by `alloy methods --markdown`; a test keeps it up to date.\n"
    ]
    for name, declared in DECLARATIONS.items():
        paper = f" <{declared.paper}>" if declared.paper else ""
        parts.append(f"\n## {name}\n\n{declared.summary}{paper}\n")
        parts.append(f"Base: {declared.base}. Models: {models_of(declared)}.\n")
        if declared.parameters:
            parts.append("\n| parameter | default | for | |\n|---|---|---|---|\n")
        parts += [
            f"| `{p.name}` | {default_of(p)} | {_PLACES[p.scope]} | {p.help} |\n"
            for p in declared.parameters
        ]
    return "".join(parts)
