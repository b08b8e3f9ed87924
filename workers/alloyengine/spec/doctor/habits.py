"""What a recipe says that is allowed, and seldom meant."""

from collections.abc import Iterator
from itertools import pairwise

from alloyengine.spec.doctor.case import Case, takes_base
from alloyengine.spec.doctor.parameters import declared, is_base, numbers, shared_scopes
from alloyengine.spec.doctor.report import Finding
from alloyengine.spec.merge import Group, RecipeModel, SliceSource, Value
from alloyengine.spec.methods import MergeMethod

# Methods that are about what they drop.
_TRIMMING: tuple[MergeMethod, ...] = (
    "ties",
    "dare_ties",
    "dare_linear",
    "breadcrumbs",
    "breadcrumbs_ties",
    "della",
    "della_linear",
)


def findings(case: Case) -> Iterator[Finding]:
    for group in case.groups:
        yield from _twice(case, group)
        yield from _weighed_base(case, group)
        yield from _sum_of_nothing(case, group)
        yield from _nothing_dropped(case, group)
        yield from _beyond_layers(case, group)
    yield from _gaps(case)


def _twice(case: Case, group: Group) -> Iterator[Finding]:
    """Slices may take other layers of one model."""
    seen = set[tuple[str, object]]()
    for i, entry in enumerate(group.sources):
        layers = entry.layer_range if isinstance(entry, SliceSource) else None
        if (entry.model, layers) in seen:
            loc = (*group.place, group.listed, i, "model")
            what = f"{case.label(entry.model)} is there twice: it counts double."
            remedy = "Remove one of them, or raise the weight of the other."
            yield case.finding("warning", "model_twice", loc, what, remedy)
        seen.add((entry.model, layers))


def _weighed_base(case: Case, group: Group) -> Iterator[Finding]:
    if not takes_base(group):
        return
    for i, entry in enumerate(group.sources):
        if is_base(group, entry) and entry.parameters.keys() & {"weight", "density"}:
            loc = (*group.place, group.listed, i, "parameters")
            given = " and ".join(sorted(entry.parameters.keys() & {"weight", "density"}))
            what = (
                f"{case.label(entry.model)} is the base: its {given} has no effect, for it does "
                f"not differ from itself."
            )
            yield case.finding("note", "weighed_base", loc, what, "Remove it from the base's entry.")


def _sum_of_nothing(case: Case, group: Group) -> Iterator[Finding]:
    """Weights are divided by their sum where they are normalised."""
    known = declared(group)
    name = next((n for n in ("normalize", "normalize_weights") if n in known), None)
    normalised = name and _constant(_of_all(group, name), float(known[name].default or 0))
    if "weight" not in known or not normalised:
        return
    weights = [_constant(_of_one(group, entry, "weight"), None) for entry in _counted(group)]
    told = [weight for weight in weights if weight is not None]
    if told and len(told) == len(weights) and abs(sum(told)) < 1e-9:
        loc = (*group.place, group.listed)
        what = f"The weights sum to 0, and {name} divides by their sum."
        remedy = f"Change a weight, or set {name}: false."
        yield case.finding("warning", "weights_sum", loc, what, remedy)


def _nothing_dropped(case: Case, group: Group) -> Iterator[Finding]:
    trimming = [method for method in group.methods if method in _TRIMMING]
    if not trimming:
        return
    densities = [_of_one(group, entry, "density") for entry in _counted(group)]
    if all(value is None or set(numbers(value)) == {1.0} for value in densities):
        if "gamma" in declared(group) and not _without_gamma(group):
            return  # outliers are dropped all the same
        loc = (*group.place, "parameters", "density")
        what = f"With a density of 1 {trimming[0]} drops nothing: every change is kept."
        remedy = "Give a density such as 0.5, or leave it if that is meant."
        yield case.finding("note", "density", loc, what, remedy)


def _without_gamma(group: Group) -> bool:
    gammas = [_of_one(group, entry, "gamma") for entry in _counted(group)]
    return all(value is not None and set(numbers(value)) == {0.0} for value in gammas)


def _counted(group: Group) -> list[RecipeModel]:
    """The models that have weights of their own."""
    return [e for e in group.sources if not (takes_base(group) and is_base(group, e))]


def _of_one(group: Group, entry: RecipeModel, name: str) -> Value | None:
    scopes = [entry.parameters, *shared_scopes(group)]
    return next((given[name] for given in scopes if name in given), None)


def _of_all(group: Group, name: str) -> Value | None:
    scopes = [*(entry.parameters for entry in group.sources), *shared_scopes(group)]
    return next((given[name] for given in scopes if name in given), None)


def _constant(value: Value | None, default: float | None) -> float | None:
    """None where the value is not the same everywhere."""
    if value is None:
        return default
    return float(value) if isinstance(value, (int, float)) else None


def _beyond_layers(case: Case, group: Group) -> Iterator[Finding]:
    for i, entry in enumerate(group.sources):
        facts = case.of(entry.model)
        if isinstance(entry, SliceSource) and facts and facts.layers is not None:
            if entry.layer_range[1] > facts.layers:
                loc = (*group.place, group.listed, i, "layer_range")
                what = (
                    f"{case.label(entry.model)} has {facts.layers} layers, not "
                    f"{entry.layer_range[1]}."
                )
                remedy = f"End the range at {facts.layers} or before."
                yield case.finding("error", "layer_range", loc, what, remedy)


def _gaps(case: Case) -> Iterator[Finding]:
    """Slices of one model that follow each other and leave layers out."""
    single = [g for g in case.groups if len(g.sources) == 1 and g.listed == "sources"]
    for before, after in pairwise(single):
        a, b = before.sources[0], after.sources[0]
        if not (isinstance(a, SliceSource) and isinstance(b, SliceSource) and a.model == b.model):
            continue
        if before.place[:-1] == after.place[:-1] and b.layer_range[0] > a.layer_range[1]:
            first, last = a.layer_range[1], b.layer_range[0] - 1
            loc = (*after.place, "sources", 0, "layer_range")
            left = f"layer {first}" if first == last else f"layers {first} to {last}"
            what = f"{case.label(a.model)}: {left} are left out between two slices."
            remedy = f"Begin the range at {first}, unless the model is to be pruned."
            yield case.finding("note", "layers_left_out", loc, what, remedy)
