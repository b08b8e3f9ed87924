"""Whether a recipe gives its methods the parameters they have, all of them, within their limits."""

from collections.abc import Iterator, Mapping

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.names import nearest
from alloyengine.spec.doctor.report import Finding, Place
from alloyengine.spec.merge import Filtered, Group, Parameters, Recipe, RecipeModel, Value
from alloyengine.spec.methods import PARAMETERS, MergeMethod, Parameter

_LONGEST_NAME = 80


def findings(case: Case) -> Iterator[Finding]:
    for place, what, remedy in unknown(case.recipe):
        yield case.finding("error", "unknown_parameter", place, what, remedy)
    for group in case.groups:
        yield from _beyond_limits(case, group)
        yield from _at_one_model(case, group)
        for method in group.methods:
            yield from _missing(case, group, method)


def unknown(recipe: Recipe) -> Iterator[tuple[Place, str, str]]:
    """Where a parameter is given that none of the methods there has: what is wrong, the remedy."""
    for place, (given, methods) in _scopes(recipe).items():
        known = {p.name for method in methods for p in PARAMETERS[method]}
        named = " and ".join(methods)
        for name in given:
            if name not in known:
                what = f"{named} has no parameter {name[:_LONGEST_NAME]!r}."
                yield (*place, name), what, nearest(name, sorted(known))


def _scopes(recipe: Recipe) -> dict[Place, tuple[Parameters, list[MergeMethod]]]:
    """Everywhere that parameters are given, and the methods that read them."""
    found: dict[Place, tuple[Parameters, list[MergeMethod]]] = {}
    for group in recipe.groups():
        for place, given in group.parameters():
            methods = found.setdefault(place, (given, []))[1]
            methods += [method for method in group.methods if method not in methods]
    return found


def declared(group: Group) -> dict[str, Parameter]:
    return {p.name: p for method in group.methods for p in PARAMETERS[method]}


def numbers(value: Value) -> list[float]:
    """All that are written in a value."""
    if isinstance(value, Filtered):
        return numbers(value.value)
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [float(value)]


def _beyond_limits(case: Case, group: Group) -> Iterator[Finding]:
    known = declared(group)
    for place, given in group.parameters():
        for name in given.keys() & known.keys():
            parameter = known[name]
            for number in numbers(given[name]):
                if limits := _limits(parameter, number):
                    what = f"{name} is {number:g}; it must be {limits}."
                    loc = (*place, name)
                    yield case.finding("error", "limits", loc, what, f"{parameter.help}.")
                    break


def _limits(parameter: Parameter, number: float) -> str:
    """Empty when the number is within them."""
    low, high = parameter.low, parameter.high
    if (low is None or number >= low) and (high is None or number <= high):
        return ""
    if low is not None and high is not None:
        return f"between {low:g} and {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}"


def _at_one_model(case: Case, group: Group) -> Iterator[Finding]:
    known = declared(group)
    for i, entry in enumerate(group.sources):
        for name in entry.parameters:
            if name in known and known[name].scope == "global":
                loc = (*group.place, group.listed, i, "parameters", name)
                what = f"{name} is no parameter of one model: it holds for all of them."
                remedy = "Move it to the recipe's own parameters."
                yield case.finding("warning", "parameter_place", loc, what, remedy)


def _missing(case: Case, group: Group, method: MergeMethod) -> Iterator[Finding]:
    for parameter in PARAMETERS[method]:
        if parameter.default is not None or parameter.optional:
            continue
        what = f"{method} needs {parameter.name}."
        for place, scopes in _readers(group, parameter):
            values = [given[parameter.name] for given in scopes if parameter.name in given]
            loc = (*place, "parameters", parameter.name)
            if not values:
                yield case.finding("error", "missing_parameter", loc, what, _add(parameter))
            elif filters := _only_filters(values):
                yield _gap(case, loc, parameter.name, filters)


def _readers(
    group: Group, parameter: Parameter
) -> Iterator[tuple[Place, list[Mapping[str, Value]]]]:
    """Who needs a value, and the scopes where it may stand."""
    above = shared_scopes(group)
    if parameter.scope == "global":
        yield (), [*(entry.parameters for entry in group.sources), *above]
        return
    for i, entry in enumerate(group.sources):
        if parameter.scope == "model" or not is_base(group, entry):
            yield (*group.place, group.listed, i), [entry.parameters, *above]


def shared_scopes(group: Group) -> list[Parameters]:
    """The nearest first, without the models' own."""
    places = list(group.parameters())
    return [given for _, given in places[: len(places) - len(group.sources)]]


def is_base(group: Group, entry: RecipeModel) -> bool:
    return entry.model == group.base


def _add(parameter: Parameter) -> str:
    if parameter.scope == "global":
        return "Add it to the recipe's parameters."
    return f"Give every model a {parameter.name}, or one for all in the recipe's parameters."


def _only_filters(values: list[Value]) -> list[str]:
    """The filters, if no value is there for tensors that none of them fits."""
    filters = []
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, Filtered) or item.filter in (None, "*"):
                return []
            filters.append(str(item.filter))
    return list(dict.fromkeys(filters))


def _gap(case: Case, loc: Place, name: str, filters: list[str]) -> Finding:
    what = f"{name} has no value for tensors whose names have none of {', '.join(filters)}."
    remedy = "Add an entry without a filter, for all the rest."
    return case.finding("warning", "filters", loc, what, remedy)
