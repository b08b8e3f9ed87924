"""How the models descend from one another, as far as somebody has kept book."""

from collections.abc import Iterator, Mapping

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, warning
from alloyengine.spec.merge import split_reference
from alloyengine.spec.methods import DECLARATIONS

Ancestry = Mapping[str, tuple[str, ...]]
"""Of a reference: the model itself and all that it was made from, nearest first, by any name that
is the same for the same model. A model of which nothing is known has none."""


def family_of(case: Case, ancestry: Ancestry) -> str | None:
    """The nearest ancestor of all models."""
    lines = [_line(reference, ancestry) for reference in case.merged]
    if not lines or not all(lines):
        return None
    return next((name for name in lines[0] if all(name in line for line in lines[1:])), None)


def check_kin(case: Case, ancestry: Ancestry) -> Iterator[Finding]:
    lines = {reference: _line(reference, ancestry) for reference in case.merged}
    if len(lines) < 2 or not all(lines.values()) or case.recipe.slices:
        return
    if family_of(case, ancestry) is None and _is_average(case):
        what = "The models have no common ancestor here: their weights may mean different things."
        remedy = "Merge models that were fine-tuned from the same base."
        yield warning("no_ancestor", case.at((case.listed,)), what, remedy)
        return
    base = case.recipe.base_model
    for reference, place in case.merged.items():
        if base and reference != base and _needs_base(case) and _strays(lines, reference, base):
            what = f"{case.name(reference)} was not made from {case.name(base)}."
            remedy = "Let the base be the model that the others were fine-tuned from."
            yield warning("base_no_ancestor", place, what, remedy)


def _line(reference: str, ancestry: Ancestry) -> tuple[str, ...]:
    return ancestry.get(split_reference(reference)[0], ())


def _strays(lines: Mapping[str, tuple[str, ...]], reference: str, base: str) -> bool:
    return lines[base][0] not in lines[reference]


def _needs_base(case: Case) -> bool:
    """Are changes to a base added? An arc may go between any two relatives."""
    needs = {DECLARATIONS[m].base for group in case.groups for m in group.methods}
    arcs = {m for group in case.groups for m in group.methods} <= {"slerp", "nearswap"}
    return "required" in needs and not arcs


def _is_average(case: Case) -> bool:
    return any(method != "passthrough" for group in case.groups for method in group.methods)
