"""`alloy forgetting`: what a tuned model forgot, and the merge back that recovers it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.inputs import locate
from alloyengine.errors import InputError
from alloyengine.spec.train import Forgetting

if TYPE_CHECKING:
    from alloyengine.train.way_back import Found


def forgetting(
    base: Annotated[str, typer.Argument(help="What it was tuned from: a folder or a hub name")],
    tuned: Annotated[str, typer.Argument(help="The tuned model")],
    general: Annotated[
        Path, typer.Option(help="JSON Lines of general text or conversations, or their folder")
    ],
    task: Annotated[Path, typer.Option(help="The same of the task; not what was learned")],
    out: Annotated[
        Path | None, typer.Option(help="New folder for the best model between the two")
    ] = None,
    keep: Annotated[
        float, typer.Option(help="Share of what was learned that must be kept, 0 to 1")
    ] = 0.99,
    method: Annotated[
        Literal["linear", "slerp"], typer.Option(help="The way between them: a line, or an arc")
    ] = "linear",
    rows: Annotated[int, typer.Option(min=1, help="Scored of each set, at most")] = 200,
) -> None:
    """Measure what a tuned model forgot, and merge it back towards its base."""
    if not 0 < keep <= 1:
        raise InputError("keep", f"--keep {keep:g} is no share.", "Give one such as 0.99.")
    from alloyengine.checkpoint import check_new
    from alloyengine.train.forgetting import loss_on, measure, merge_back, read_some
    from alloyengine.train.forgetting_page import sentence

    how = Forgetting(dataset=str(general), rows=rows, keep=keep, method=method)
    with ConsoleReporter() as report:
        if out:
            check_new(out)
        first, second = (locate(name, Path(), report) for name in (base, tuned))
        scored = [loss_on(read_some(path, rows)) for path in (general, task)]
        found = measure(first, second, scored[0], scored[1], how, report)
        if out:
            complete = partial(_complete, found=found, how=how, base=first, tuned=second)
            merge_back(first, second, found.best.weight, method, out, report, complete)
            report.log(f"The model at {found.best.weight:.3g} of the way is in {out}.")
    console = Console()
    console.print(drawn(found))
    console.print(sentence(found, how), highlight=False)


def _complete(folder: Path, found: "Found", how: Forgetting, base: Path, tuned: Path) -> None:
    """Card and picture beside the merged model."""
    from alloyengine.card import NAME
    from alloyengine.checkpoint.licence import licence_of
    from alloyengine.train.forgetting_page import card, save_picture

    names = base.resolve().name, tuned.resolve().name
    text = card(found, how, *names, licence_of(tuned) or licence_of(base))
    (folder / NAME).write_text(text, encoding="utf-8")
    save_picture(found, folder)


def drawn(found: "Found") -> Table:
    """A row for each place between base and tuned model."""
    from alloyengine.train.forgetting_page import HEAD, rows

    table = Table(*HEAD, box=None)
    for row in rows(found):
        table.add_row(*row, style="bold" if row[-1] == "best" else None)
    return table
