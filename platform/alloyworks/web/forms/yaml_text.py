"""YAML as people write it: read strictly, with the line on which each thing stands."""

import math
from collections.abc import Sequence
from typing import Any

import yaml

from alloyworks.errors import FieldError, Invalid

LONGEST = 100_000  # characters
DEEPEST = 60  # levels of lists and mappings


class Unreadable(Invalid):
    """The text is no YAML; `line` counts from 1."""

    line = 1


def documents(text: str, place: str) -> list[Any]:
    """What each document of the text says; at least one. Unreadable tells the line."""
    if len(text) > LONGEST:
        raise _unreadable(
            place, f"The recipe is longer than {LONGEST:,} characters.", "Shorten it."
        )
    try:
        # Stricter than a SafeLoader.
        return list(yaml.load_all(text, Loader=_Strict)) or [None]
    except yaml.YAMLError as error:
        raise _refused(place, error) from None
    except (RecursionError, ValueError) as error:
        raise _refused(place, yaml.YAMLError(str(error))) from None


def value_of(text: str) -> Any:
    """Raises YAMLError, also for what is no JSON: dates, sets, aliases, keys given twice."""
    try:
        return yaml.load(text, Loader=_Strict)  # noqa: S506  # stricter than SafeLoader
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(str(error)) from None


def written(values: Sequence[dict[str, Any]]) -> str:
    """One document for each."""
    texts = [
        yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None)
        for value in values
    ]
    return "---\n".join(texts)


class Lines:
    """Where things stand in a text that `documents` could read."""

    def __init__(self, text: str) -> None:
        self._roots = list(yaml.compose_all(text, Loader=_Strict))

    def of(self, document: int, path: Sequence[str | int]) -> int:
        """The line, from 1, of the thing at that path, or of the nearest around it."""
        if document >= len(self._roots):
            return 1
        node = self._roots[document]
        mark = node.start_mark
        for step in path:
            if (found := _inner(node, step)) is None:
                break
            mark, node = found
        return int(mark.line) + 1


def _inner(node: yaml.Node, step: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                if key.value == str(step):
                    return key.start_mark, value
        case yaml.SequenceNode() if isinstance(step, int) and step < len(node.value):
            value = node.value[step]
            return value.start_mark, value
    return None


class _Strict(yaml.SafeLoader):
    """No aliases, which make a small text expand without end; no key twice; JSON's types only."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _marked("aliases are not allowed", event)
        self._depth += 1
        if self._depth > DEEPEST:
            raise _marked("this is nested too deeply", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise _marked(f"{name!r} is there twice", key)
            seen.add(name)
        return super().construct_mapping(node, deep)

    def finite(self, node: yaml.ScalarNode) -> float:
        value: float = self.construct_yaml_float(node)
        if not math.isfinite(value):
            raise _marked(f"{node.value} is no number", node)
        return value


_Strict.add_constructor("tag:yaml.org,2002:float", _Strict.finite)
# A date or a binary can't be part of a job spec; as text it is refused by name.
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _marked(what: str, at: Any) -> yaml.MarkedYAMLError:
    """`at`: an event or a node of the text."""
    return yaml.MarkedYAMLError("", None, what, at.start_mark)


def _refused(place: str, error: yaml.YAMLError) -> Unreadable:
    found = _unreadable(place, f"This is not YAML: {_words(error)}.", "Correct it.")
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    found.line = mark.line + 1 if mark else 1
    return found


def _unreadable(place: str, msg: str, remedy: str) -> Unreadable:
    return Unreadable(msg, [FieldError([place], msg, remedy)])


def _words(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error)
