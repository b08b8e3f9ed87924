"""Reads the values that a recipe's parameters may have: numbers, gradients, filtered lists."""

from collections.abc import Iterable, Iterator

from alloyengine.spec.merge import Filtered, FilteredMethod, Group, MethodChoice, Parameters, Value
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


def constants(group: Group, parameter: Parameter) -> list[float | None]:
    """For each model of the group what the parameter is; None if it is not the same everywhere."""
    given = [parameters for _, parameters in group.parameters()]
    shared = given[: len(given) - len(group.sources)]
    return [_constant((entry.parameters, *shared), parameter) for entry in group.sources]


def _constant(scopes: Iterable[Parameters], parameter: Parameter) -> float | None:
    """From the nearest scope that has it."""
    for scope in scopes:
        if parameter.name in scope:
            value = scope[parameter.name]
            return float(value) if isinstance(value, bool | int | float) else None
    return None if parameter.default is None else float(parameter.default)
