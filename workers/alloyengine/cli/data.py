"""`alloy data`: look at data before it is learned."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alloyengine.errors import InputError

if TYPE_CHECKING:
    from alloyengine.train.preview import Shown

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

_TRAINED, _GIVEN, _CUT = "black on green", "dim", "strike red"


@app.callback()
def data() -> None:
    """See which tokens a model would learn, and whether test examples are among them."""


@app.command()
def preview(
    dataset: Annotated[Path, typer.Argument(help="JSON Lines, or a folder with train.jsonl")],
    model: Annotated[Path, typer.Option(help="Whose tokenizer and chat template are used")],
    objective: Annotated[str, typer.Option(help="sft, cpt, dpo or distill")] = "sft",
    max_length: Annotated[int, typer.Option(min=8, help="Longest example, tokens")] = 512,
    rows: Annotated[int, typer.Option(min=1, help="How many examples")] = 3,
) -> None:
    """Show examples as the model is given them: what is trained, what is given, what is cut off."""
    from pydantic import ValidationError
    from transformers import AutoTokenizer

    from alloyengine.checkpoint import facts
    from alloyengine.spec.objective import objective_called
    from alloyengine.train.preview import preview as shown_of

    try:
        told = objective_called(objective)
    except ValidationError:
        raise InputError(
            "objective", f"There is no objective {objective!r}.", "Use sft, cpt, dpo or distill."
        ) from None
    facts(model)  # refuses what is not safe to open
    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    console = Console()
    legend = Text("trained", style=_TRAINED) + " " + Text("given", style=_GIVEN)
    console.print(legend + " " + Text("cut off", style=_CUT))
    for shown in shown_of(dataset, tokenizer, told, max_length, rows):
        _print(shown, console)


def _print(shown: "Shown", console: Console) -> None:
    share = f"{shown.trained} of {shown.tokens} tokens are trained"
    console.print(Text(f"\n{shown.title}: {share}", style="bold"))
    line = Text()
    for piece in shown.pieces:
        style = _CUT if piece.cut else _TRAINED if piece.trained else _GIVEN
        line.append(piece.text, style=style)
    console.print(line)
    if shown.alarm:
        console.print(Text(shown.alarm, style="bold red"))


@app.command()
def overlap(
    training: Annotated[Path, typer.Argument(help="JSON Lines, or a folder with train.jsonl")],
    tests: Annotated[list[Path], typer.Argument(help="JSON Lines, or folders with test.jsonl")],
    n: Annotated[int, typer.Option(min=2, max=100, help="Words in a row that count")] = 13,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for every finding")] = None,
) -> None:
    """Tell which examples of test sets were in training data: their scores would prove nothing."""
    from alloyengine.evaluate.contamination import overlap as measure

    found = {str(path): measure([training], path, n) for path in tests}
    table = Table("test set", "examples", "in the training data", "such as", box=None)
    for name, each in found.items():
        share = f"{len(each.found)} ({each.share:.1%})"
        table.add_row(name, f"{each.examples}", share, Text(each.shown[0] if each.shown else ""))
    Console().print(table)
    if json_file:
        told = {name: asdict(each) for name, each in found.items()}
        json_file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
