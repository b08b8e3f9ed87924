"""`alloy evaluate`: one evaluation on this machine."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.specs import read_spec
from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.result import EvaluateResult


def evaluate(
    spec: Annotated[Path, typer.Argument(help="YAML; models and datasets are paths beside it")],
    out: Annotated[Path, typer.Argument(help="Folder for every single answer")],
) -> None:
    """Score models on test sets as a spec says."""
    read, inputs = read_spec(EvaluateSpec, spec)
    from alloyengine.evaluate.run import run

    with ConsoleReporter() as report:
        result = run(read, inputs, out, report)
    report.console.print(table(result))


def table(result: EvaluateResult) -> Table:
    drawn = Table("model", "dataset", "metric", "value", "± stderr", "examples")
    for score in result.scores:
        error = "" if score.stderr is None else f"{score.stderr:.3f}"
        value = f"{score.value:.3f}"
        drawn.add_row(score.model, score.dataset, score.metric, value, error, str(score.examples))
    return drawn
