"""Reads a recipe in the field's YAML format into `spec.Recipe`."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import ValidationError

from alloyengine.errors import InputError
from alloyengine.spec.merge import Recipe, RecipeModel

_LONGEST = 1_000_000
_FIELDS = [*Recipe.model_fields, *RecipeModel.model_fields]


def parse(text: str) -> Recipe:
    """InputError names the place in the recipe, and the nearest name when one is misspelt."""
    if len(text) > _LONGEST:
        raise _wrong("", f"it is longer than {_LONGEST} characters")
    try:
        # The loader below is a SafeLoader that is stricter still.
        raw = yaml.load(text, Loader=_StrictLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError) as error:
        raise _wrong("", f"not valid YAML ({error})") from None
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise _first_problem(error) from None


class _StrictLoader(yaml.SafeLoader):
    """No aliases (they make a small file expand without end), no key twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases are not allowed, line {self.line + 1}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key} is there twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _first_problem(error: ValidationError) -> InputError:
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        name = str(problem["loc"][-1])
        return _wrong(place, "there is no such field", did_you_mean(name, _FIELDS))
    if problem["type"] == "literal_error":
        allowed = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        near = did_you_mean(str(problem["input"]), allowed)
        return _wrong(place, f"{problem['input']!r} is not one of {', '.join(allowed)}", near)
    return _wrong(place, problem["msg"].removeprefix("Value error, "))


def _wrong(place: str, why: str, remedy: str = "") -> InputError:
    where = f"recipe: {place}: " if place else "recipe: "
    return InputError("recipe_wrong", f"{where}{why}.", remedy)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(names)}."
