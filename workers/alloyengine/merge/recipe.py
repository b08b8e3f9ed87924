"""Reads a recipe in the field's YAML format into `spec.Recipe`."""

from collections.abc import Iterable
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml
from pydantic import ValidationError

from alloyengine.errors import InputError
from alloyengine.spec.merge import Module, Recipe, Slice, SliceSource

_LONGEST = 1_000_000
_KINDS = (Recipe, Module, Slice, SliceSource)
_FIELDS = sorted({name for kind in _KINDS for name in kind.model_fields})


def parse(text: str) -> Recipe:
    """A recipe of one document. InputError names the place, and the nearest name when misspelt."""
    stages, recipe = parse_stages(text)
    if stages:
        raise wrong("", f"there are {len(stages) + 1} documents where one is wanted")
    return recipe


def parse_stages(text: str) -> tuple[list[Recipe], Recipe]:
    """The stages to be made before, in order, and the recipe of the result.

    Documents refer to one another by `name`, in any order; the result is the one without a name,
    or the one that no other uses.
    """
    recipes = [_validated(raw) for raw in documents(text)]
    final = _final(recipes)
    return _in_order([recipe for recipe in recipes if recipe is not final]), final


def documents(text: str) -> list[Any]:
    """What each document of a YAML text says; at least one. InputError when it is none."""
    if len(text) > _LONGEST:
        raise wrong("", f"it is longer than {_LONGEST} characters")
    try:
        # The loader below is a SafeLoader that is stricter still.
        return list(yaml.load_all(text, Loader=_StrictLoader)) or [None]
    except (yaml.YAMLError, RecursionError) as error:
        raise wrong("", f"not valid YAML ({error})") from None


def _validated(raw: Any) -> Recipe:
    if not isinstance(raw, dict):
        raise wrong("", "it is not a mapping", "Begin with a line such as merge_method: linear.")
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise first_problem(raw, error, _FIELDS) from None


def _final(recipes: list[Recipe]) -> Recipe:
    used = {part for recipe in recipes for part in _used(recipe)}
    last = [r for r in recipes if r.name is None] or [r for r in recipes if r.name not in used]
    if len(last) != 1:
        raise wrong(
            "",
            f"{len(last)} documents could be the result",
            "Name every document but one, and use the named ones as models.",
        )
    return last[0]


def _used(recipe: Recipe) -> set[str]:
    return {part for _, reference in recipe.references() for part in reference.split("+")}


def _in_order(stages: list[Recipe]) -> list[Recipe]:
    """Each after those it uses."""
    sorter = TopologicalSorter({str(stage.name): _used(stage) for stage in stages})
    by_name = {str(stage.name): stage for stage in stages}
    if len(by_name) < len(stages):
        raise wrong("name", "two documents have the same name", "Name them differently.")
    try:
        return [by_name[name] for name in sorter.static_order() if name in by_name]
    except CycleError as error:
        circle = " → ".join(map(str, error.args[1]))
        raise wrong("", f"its documents need each other ({circle})", "Break the circle.") from None


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


def first_problem(raw: Any, error: ValidationError, fields: Iterable[str]) -> InputError:
    """The deepest of them: where several forms are allowed, the others complain higher up."""
    problems = error.errors(include_url=False)
    places = [_place(raw, problem["loc"]) for problem in problems]
    problem, place = max(zip(problems, places, strict=True), key=lambda pair: len(pair[1]))
    at = ".".join(map(str, place))
    given = str(problem["input"])
    match problem["type"]:
        case "extra_forbidden":
            name = str(problem["loc"][-1])
            return wrong(at, "there is no such field", did_you_mean(name, fields))
        case "literal_error":
            allowed = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            return wrong(at, f"{given!r} is not known", did_you_mean(given, allowed))
        case "rule":
            return wrong(problem["ctx"]["field"], problem["msg"], problem["ctx"]["remedy"])
    return wrong(at, problem["msg"].removeprefix("Value error, "))


def _place(raw: Any, loc: tuple[int | str, ...]) -> list[int | str]:
    """pydantic's `loc` without the names of the forms that it tried, which the text has not."""
    found: list[int | str] = []
    for step in loc:
        known = isinstance(raw, dict) or (isinstance(raw, list) and isinstance(step, int))
        if known and (step in raw if isinstance(raw, dict) else int(step) < len(raw)):
            raw = raw[step]
            found.append(step)
    return found


def wrong(place: str, why: str, remedy: str = "") -> InputError:
    where = f"recipe: {place}: " if place else "recipe: "
    return InputError("recipe_wrong", f"{where}{why}.", remedy)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"There are {', '.join(names)}."
