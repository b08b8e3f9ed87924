"""`alloy merge --dry-run`: what would be done, and what does not fit, before anything is computed."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from alloyengine.merge.doctor.preview import Preview, preview
from alloyengine.merge.plan import make_plan
from alloyengine.merge.run import open_members
from alloyengine.spec.merge import MergeSpec


def foresee(spec: MergeSpec, inputs: Mapping[str, Path], out: Path, console: Console) -> None:
    """Prints the plan. InputError when the models do not fit together or the recipe not the method.

    Of several stages the first is looked at: the others' models do not exist yet.
    """
    recipe = spec.stages[0] if spec.stages else spec.recipe
    with open_members(recipe, inputs) as members:
        plan = make_plan(recipe, members)
        found = preview(plan, members, out)
    console.print(_table(found))
    if spec.stages:
        console.print(f"This is the first of {len(spec.stages) + 1} stages, {recipe.name}.")
    for what, remedy in found.findings(recipe.base_model):
        console.print(f"{what} {remedy}", style="yellow")


def _table(found: Preview) -> Table:
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
    return table
