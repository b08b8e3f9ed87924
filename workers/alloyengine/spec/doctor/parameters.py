"""Whether the recipe's parameters are those of its methods, at their places and within bounds."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.report import Finding, Place, error, warning
from alloyengine.spec.doctor.values import fits_all, numbers
from alloyengine.spec.merge import Group, Parameters, Value
from alloyengine.spec.methods import DECLARATIONS, MergeMethod, Parameter

CLIPPED = 80
"""Characters that are quoted of a text."""


def check_parameters(case: Case) -> Iterator[Finding]:
    yield from _given(case)
    for group in case.groups:
        for method in dict.fromkeys(group.methods):
            for parameter in DECLARATIONS[method].parameters:
                if parameter.default is None and not parameter.optional:
                    yield from _missing(case, group, method, parameter)
        yield from _method_for_all(case, group)


def _given(case: Case) -> Iterator[Finding]:
    """Parameters that no method has that reads them there, or that are out of bounds."""
    for place, (given, groups) in _scopes(case).items():
        methods = list(dict.fromkeys(method for group in groups for method in group.methods))
        known = {p.name: p for method in methods for p in DECLARATIONS[method].parameters}
        for name, value in given.items():
            loc = case.at((*place, name))
            if name not in known:
                what = f"{' and '.join(methods)} has no parameter {name[:CLIPPED]!r}."
                yield error("parameter_unknown", loc, what, _near(name, known))
                continue
            parameter = known[name]
            yield from _bounds(parameter, value, loc)
            if parameter.scope == "global" and groups[0].listed in place:
                what = f"{name} is no parameter of one model: it would hold for all of them."
                remedy = "Move it to the recipe's own parameters."
                yield warning("parameter_place", loc, what, remedy)


def _scopes(case: Case) -> dict[Place, tuple[Parameters, list[Group]]]:
    """Everywhere that parameters are given, and the groups that read them there: a recipe may give
    what only one of its slices needs.
    """
    found: dict[Place, tuple[Parameters, list[Group]]] = {}
    for group in case.groups:
        for place, given in group.parameters():
            found.setdefault(place, (given, []))[1].append(group)
    return found


def _bounds(parameter: Parameter, value: Value, loc: Place) -> Iterator[Finding]:
    low, high = parameter.low, parameter.high
    for number in numbers(value):
        if parameter.flag and number not in (0, 1):
            what = f"{parameter.name} is {number:g}, neither true nor false."
            yield error("parameter_value", loc, what, "Use true or false.")
            return
        if (low is not None and number < low) or (high is not None and number > high):
            side = "small" if low is not None and number < low else "large"
            what = f"{parameter.name} {number:g} is too {side}."
            yield error("parameter_value", loc, what, _allowed(parameter))
            return


def _allowed(parameter: Parameter) -> str:
    low, high = parameter.low, parameter.high
    if high is None:
        words = f"at least {low:g}"
    elif low is None:
        words = f"at most {high:g}"
    else:
        words = f"{low:g} to {high:g}"
    return f"Use {words}: {parameter.help[0].lower()}{parameter.help[1:]}."


def _missing(
    case: Case, group: Group, method: MergeMethod, parameter: Parameter
) -> Iterator[Finding]:
    name = parameter.name
    given = list(group.parameters())
    own = given[len(given) - len(group.sources) :]
    shared = [values[name] for _, values in given[: len(given) - len(own)] if name in values]
    if any(map(fits_all, shared)):
        return
    if parameter.scope == "global":
        mine = [*shared, *(values[name] for _, values in own if name in values)]
        loc = case.at(("parameters", name))
        remedy = "Add it to the recipe's parameters."
        yield from _missing_one(method, parameter, mine, loc, remedy)
        return
    remedy = f"Give every model a {name}, or one for all in the recipe's parameters."
    for (place, values), entry in zip(own, group.sources, strict=True):
        if parameter.scope == "non-base" and entry.model == group.base:
            continue
        mine = [*shared, values[name]] if name in values else shared
        yield from _missing_one(method, parameter, mine, case.at((*place, name)), remedy)


def _missing_one(
    method: MergeMethod, parameter: Parameter, given: list[Value], loc: Place, remedy: str
) -> Iterator[Finding]:
    if not given:
        yield error("parameter_missing", loc, f"{method} needs {parameter.name}.", remedy)
    elif not any(map(fits_all, given)):
        what = f"{parameter.name} has no value for tensors that none of its filters names."
        remedy = "Add an entry without a filter, for all the rest."
        yield warning("parameter_missing", loc, what, remedy)


def _method_for_all(case: Case, group: Group) -> Iterator[Finding]:
    if not fits_all(group.method):
        what = "There is no method for tensors that none of the filters names."
        remedy = "Add an entry without a filter, for all the rest."
        yield warning("method_missing", case.at(("merge_method",)), what, remedy)


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if not names:
        return "Remove it: the method takes none."
    close = get_close_matches(name[:CLIPPED], names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"It has {', '.join(names)}."
