"""`alloy doctor`: is this deployment all right?"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from alloyworks.cli.deployment import set_up
from alloyworks.cli.stack import StateOption

MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[red]✗[/]"}


def doctor(
    state: StateOption = None,
    to: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the findings there, too")
    ] = None,
) -> None:
    """Check a deployment and say what to do. Exit code 1 when something is wrong."""
    console = Console()
    found = []
    for finding in _findings(state):
        found.append(finding)
        console.print(
            f"{MARKS[finding['level']]} {finding['check']:16} {escape(finding['words'])}",
            highlight=False,
            soft_wrap=True,
        )
        if finding["remedy"]:
            words = f"  {'':16} [dim]→ {escape(finding['remedy'])}[/]"
            console.print(words, highlight=False, soft_wrap=True)
    levels = [finding["level"] for finding in found]
    problems, warnings = levels.count("problem"), levels.count("warning")
    console.print(f"{problems} problem(s), {warnings} warning(s).")
    if to is not None:
        report = {"problems": problems, "warnings": warnings, "findings": found}
        to.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    sys.exit(1 if problems else 0)


def _findings(state: Path | None) -> Any:
    """Wrong settings are a finding like others, and the last one: nothing works without them."""
    from alloyworks.doctor.findings import ok, problem

    try:
        set_up(state)
    except SystemExit as error:
        remedy = "docs/operator.md lists every setting."
        yield asdict(problem("settings", str(error), remedy))
        return
    yield asdict(ok("settings", "can be read"))
    from alloyworks.doctor.checkup import checkup

    yield from map(asdict, checkup())
