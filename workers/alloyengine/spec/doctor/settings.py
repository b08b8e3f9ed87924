"""Settings that are allowed, and probably not what was meant."""

from collections import Counter
from collections.abc import Iterator, Sequence

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, Place, error, note, warning
from alloyengine.spec.doctor.values import constants
from alloyengine.spec.merge import Group, SliceSource
from alloyengine.spec.methods import DECLARATIONS, MergeMethod, Parameter

_TRIMMING = {
    "ties": "keeps every change, and only resolves conflicts of sign",
    "dare_ties": "drops nothing: it only resolves conflicts of sign",
    "dare_linear": "drops nothing: it is task arithmetic",
    "breadcrumbs": "drops nothing: it is task arithmetic",
    "breadcrumbs_ties": "drops nothing: it only resolves conflicts of sign",
    "della": "drops nothing: it only resolves conflicts of sign",
    "della_linear": "drops nothing: it is task arithmetic",
}
_TINY = 1e-9


def check_settings(case: Case) -> Iterator[Finding]:
    for group in case.groups:
        yield from _twice(case, group)
        yield from _base(case, group)
        for method in dict.fromkeys(group.methods):
            yield from _weights(case, group, method)
            yield from _density(case, group, method)


def _twice(case: Case, group: Group) -> Iterator[Finding]:
    seen = Counter[tuple[str, Place]]()
    for i, entry in enumerate(group.sources):
        layers: Place = entry.layer_range if isinstance(entry, SliceSource) else ()
        seen[case.name(entry.model), layers] += 1
        if seen[case.name(entry.model), layers] > 1:
            place = case.at((*group.place, group.listed, i, "model"))
            what = f"{case.name(entry.model)} is there twice."
            yield warning("twice", place, what, "Remove one of them, and add up their weights.")


def _base(case: Case, group: Group) -> Iterator[Finding]:
    """A base that does nothing, or parameters of it that do nothing."""
    needs = {DECLARATIONS[method].base for method in group.methods}
    if group.base is None:
        return
    if needs == {"ignored"}:
        if not group.place:
            what = f"{' and '.join(group.methods)} compares nothing with a base."
            remedy = "Nothing to do: the base gives the result its config and tokenizer."
            yield note("base_unused", case.at(("base_model",)), what, remedy)
        return
    for i, entry in enumerate(group.sources):
        if entry.model == group.base and entry.parameters.keys() - _shared(group.methods):
            place = case.at((*group.place, group.listed, i, "parameters"))
            what = f"{case.name(entry.model)} is the base; its parameters have no effect."
            yield note("base_listed", place, what, "Leave them out, or name another base_model.")


def _shared(methods: Sequence[MergeMethod]) -> set[str]:
    every = [p for method in methods for p in DECLARATIONS[method].parameters]
    return {p.name for p in every if p.scope == "global"}


def _parameter(method: MergeMethod, name: str) -> Parameter | None:
    return next((p for p in DECLARATIONS[method].parameters if p.name == name), None)


def _of_models(group: Group, method: MergeMethod, name: str) -> list[float | None]:
    """What a parameter is for each model beside the base."""
    parameter = _parameter(method, name)
    if parameter is None:
        return []
    base = None if DECLARATIONS[method].base == "ignored" else group.base
    found = zip(group.sources, constants(group, parameter), strict=True)
    return [value for entry, value in found if entry.model != base]


def _weights(case: Case, group: Group, method: MergeMethod) -> Iterator[Finding]:
    found = _of_models(group, method, "weight")
    weights = [weight for weight in found if weight is not None]
    if not found or len(weights) < len(found):
        return
    place = case.at((*group.place, group.listed))
    if not any(weights):
        made = "nothing but zeros" if method == "linear" else "nothing but the base"
        what = f"All weights are 0: the result is {made}."
        yield warning("weights_zero", place, what, "Give the models that matter a weight.")
    elif abs(sum(weights)) < _TINY and _normalizes(group, method):
        what = "The weights add up to 0, by which nothing can be divided."
        remedy = "Change a weight, or set normalize: false."
        yield warning("weights_cancel", place, what, remedy)


def _normalizes(group: Group, method: MergeMethod) -> bool:
    if method == "nuslerp":
        return True
    switches = (_parameter(method, name) for name in ("normalize", "normalize_weights"))
    return any(switch and constants(group, switch)[0] for switch in switches)


def _density(case: Case, group: Group, method: MergeMethod) -> Iterator[Finding]:
    densities = _of_models(group, method, "density")
    place = case.at((*group.place, group.listed))
    if method in _TRIMMING and densities and all(d is not None and d >= 1 for d in densities):
        what = f"With density 1 {method} {_TRIMMING[method]}."
        yield note("density", place, what, "Give the models a density such as 0.5.")
    for density, epsilon in zip(densities, _of_models(group, method, "epsilon"), strict=False):
        if density is None or epsilon is None or not 0 < density < 1:
            continue
        if not 0 < density - abs(epsilon) <= density + abs(epsilon) < 1:
            what = f"density {density:g} ± epsilon {epsilon:g} leaves the range from 0 to 1."
            yield error("epsilon", place, what, "Choose a smaller epsilon.")
            return
