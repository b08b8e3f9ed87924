"""Between the flat names of inputs and the nested spec."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import QueryDict

Loc = Sequence[str | int]


def typed(post: QueryDict, name: str) -> str:
    """What was typed there, without blanks around it; empty when the input was not sent."""
    return str(post.get(name) or "").strip()


def dotted(loc: Loc) -> str:
    return ".".join(map(str, loc))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of a nested value with its dotted name. Empty containers have none."""
    items: Iterable[tuple[Any, Any]] = ()
    match value:
        case dict():
            items = value.items()
        case list():
            items = enumerate(value)
        case _:
            yield name, value
    for key, item in items:
        yield from flat(item, f"{name}.{key}" if name else str(key))


def nested(leaves: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The reverse; a level whose names are all numbers becomes a list, in the numbers' order."""
    tree: dict[str, Any] = {}
    for name, value in leaves:
        *path, last = name.split(".")
        level = tree
        for part in path:
            level = level.setdefault(part, {})
        level[last] = value
    return {name: _with_lists(value) for name, value in tree.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(item) for key, item in value.items()}
