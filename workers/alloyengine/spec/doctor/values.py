"""Reads the values that a recipe's parameters may have: numbers, gradients, filtered lists."""

from collections.abc import Iterator

from alloyengine.spec.merge import Filtered, FilteredMethod, Group, MethodChoice, Value
from alloyengine.spec.methods import Parameter


def numbers(value: Value) -> Iterator[float]:
    """All that are in it."""
    if isinstance(value, Filtered):
        yield from numbers(value.value)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    else:
        yield float(value)


def fits_all(value: Value | MethodChoice) -> bool:
    """Does it say something for every tensor, or only for those that a filter names?"""
    items = value if isinstance(value, list) else [value]
    filtered = [item for item in items if isinstance(item, Filtered | FilteredMethod)]
    return not filtered or any(item.filter in (None, "*") for item in filtered)


def constant(group: Group, number: int, parameter: Parameter) -> float | None:
    """The parameter's value for one model of a group; None if it is not the same everywhere."""
    given = [parameters for _, parameters in group.parameters()]
    shared = given[: len(given) - len(group.sources)]
    for scope in (group.sources[number].parameters, *shared):
        if parameter.name in scope:
            value = scope[parameter.name]
            return float(value) if isinstance(value, bool | int | float) else None
    return None if parameter.default is None else float(parameter.default)
