"""Reads the values that a recipe's parameters may have: numbers, gradients, filtered lists."""

from collections.abc import Iterator

from alloyengine.spec.merge import Filtered, FilteredMethod, Group, MethodChoice, Value

Numbers = Iterator[float]


def numbers(value: Value) -> Numbers:
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


def constant(group: Group, number: int, name: str) -> float | None:
    """The parameter's value for one model of a group, if it is the same for all tensors."""
    scopes = [given for place, given in group.parameters() if place[-1:] == ("parameters",)]
    own = group.sources[number].parameters
    shared = scopes[: len(scopes) - len(group.sources)]
    for given in (own, *shared):
        if name in given:
            value = given[name]
            return float(value) if isinstance(value, bool | int | float) else None
    return None
