"""`alloy evaluate`: one evaluation on this machine."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from alloyengine.cli.console import ConsoleReporter
from alloyengine.cli.inputs import locate
from alloyengine.cli.scores import drawn
from alloyengine.cli.specs import read_spec
from alloyengine.errors import InputError
from alloyengine.spec.evaluate import EvaluateSpec

KEY = "ALLOY_JUDGE_KEY"


def evaluate(
    spec: Annotated[
        Path, typer.Argument(help="YAML; models and datasets are paths beside it. Or a model")
    ],
    out: Annotated[
        Path, typer.Argument(help="Folder for every single answer, and scores.json")
    ] = Path("evaluation"),
    tasks: Annotated[
        str, typer.Option(help="Of a model: tasks of lm-evaluation-harness by name, or YAML files")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(help="Documents of the task, where they are not on this machine")
    ] = None,
    num_fewshot: Annotated[int | None, typer.Option(min=0, help="Solved examples first")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many")] = None,
    chat_template: Annotated[bool, typer.Option(help="Ask tasks in the chat template")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Of a model with --tasks")] = 32,
    judge_url: Annotated[
        str, typer.Option(help=f"OpenAI-compatible, such as https://host/v1; its key is in ${KEY}")
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute what is known from before anew")
    ] = False,
) -> None:
    """Score models on test sets as a spec says, or one model on tasks."""
    about = {"num_fewshot": num_fewshot, "limit": limit, "chat_template": chat_template}
    if not tasks and (data or spec.is_dir() or any(about.values())):
        raise InputError(
            "tasks_missing",
            "--tasks is missing: which tasks of lm-evaluation-harness?",
            "Name them, such as --tasks arc_easy, or give a spec that says all of it.",
        )
    with ConsoleReporter() as report:
        if tasks:
            read = _of_model(str(spec), tasks, data, batch_size, about)
            inputs = _located(read, report)
        else:
            read, inputs = read_spec(EvaluateSpec, spec)
        from alloyengine.evaluate.run import Options, run

        options = Options(_judge(judge_url, fresh), keep=not fresh)
        result = run(read, inputs, out, report, options)
        _write(out / "scores.json", result.model_dump(mode="json"))
    for table in drawn(result):
        report.console.print(table)


def _of_model(
    model: str, tasks: str, data: Path | None, batch_size: int, about: dict[str, Any]
) -> EvaluateSpec:
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    files = (".yaml", ".yml")
    listed = [
        {"file" if name.endswith(files) else "name": name, "data": data and str(data), **about}
        for name in names
    ]
    raw = {"models": [model], "tasks": listed, "batch_size": batch_size}
    try:
        return EvaluateSpec.model_validate(raw)
    except ValidationError as error:
        raise InputError("tasks", f"--tasks {tasks}: {error.errors()[0]['msg']}.") from None


def _located(spec: EvaluateSpec, report: ConsoleReporter) -> dict[str, Path]:
    return {
        ref.reference: locate(ref.reference, Path(), report)
        if ref.kind == "model"
        else Path(ref.reference)
        for ref in spec.inputs()
    }


def _judge(url: str, fresh: bool) -> Any:
    """How the judge is asked; None without an address."""
    if not url:
        return None
    from alloyengine.evaluate.judge.endpoint import Endpoint
    from alloyengine.evaluate.kept import remembered

    ask = Endpoint(url, os.environ.get(KEY, "")).ask
    return ask if fresh else remembered(ask, url)


def _write(path: Path, result: dict[str, Any]) -> None:
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
