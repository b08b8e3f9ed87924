"""`alloy merge --dry-run`: what would be done, and what does not fit, before anything is computed."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from alloyengine.checkpoint import facts
from alloyengine.checkpoint.adapter.config import NAME as ADAPTER
from alloyengine.checkpoint.facts import adapter_facts
from alloyengine.merge.doctor.preview import Preview, preview
from alloyengine.merge.plan import make_plan
from alloyengine.merge.run import open_members
from alloyengine.spec.doctor import Finding, Report, examine
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.result import ModelFacts

_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def foresee(spec: MergeSpec, inputs: Mapping[str, Path], out: Path, console: Console) -> None:
    """Prints the merge doctor's findings and the plan. InputError when the models do not fit
    together or the recipe not the method.

    Of several stages the plan is that of the first: the others' models do not exist yet.
    """
    report = examine(spec, {reference: _facts(path) for reference, path in inputs.items()})
    _tell(report.findings, console)
    recipe = spec.stages[0] if spec.stages else spec.recipe
    with open_members(recipe.references(), inputs) as members:
        plan = make_plan(recipe, members)
        found = preview(plan, members, out)
    for what, remedy in found.findings(recipe.base_model):
        _say("warning", f"{what} {remedy}", console)
    console.print(_table(found, report))
    if spec.stages:
        console.print(f"This is the first of {len(spec.stages) + 1} stages, {recipe.name}.")


def _facts(path: Path) -> ModelFacts:
    adapter = (path / ADAPTER).is_file() and not (path / "config.json").is_file()
    return adapter_facts(path) if adapter else facts(path)


def _tell(findings: Iterable[Finding], console: Console) -> None:
    for finding in findings:
        place = ".".join(map(str, finding.loc))
        _say(finding.level, f"{place}: {finding.what} {finding.remedy}", console)


def _say(level: str, words: str, console: Console) -> None:
    told = words if level == "note" else f"{level.capitalize()}: {words}"
    console.print(told, style=_STYLES[level], markup=False, highlight=False)


def _table(found: Preview, report: Report) -> Table:
    table = Table(show_header=False, box=None)
    methods = ", ".join(f"{name} {count}" for name, count in found.methods.items())
    table.add_row("tensors", methods)
    table.add_row("parameters", f"{found.parameters:,}")
    table.add_row("weights", f"{found.size / 1e9:.2f} GB ({found.free / 1e9:.0f} GB free)")
    table.add_row("time", f"about {found.seconds:.0f} s, if the disk keeps up")
    table.add_row("memory", f"about {found.memory / 1e6:.0f} MB")
    if found.kinship:
        for (a, b), distance in found.kinship.distances.items():
            table.add_row("distance", f"{a} and {b}: {distance:.1%} of their length")
        if found.kinship.ancestor:
            table.add_row("ancestor", found.kinship.ancestor)
    if report.licence:
        table.add_row("licence", f"{report.licence.name} ({report.licence.kind})")
    return table
