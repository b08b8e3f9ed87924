"""What a recipe's parameter is worth for one tensor.

A value is a number, a gradient (numbers spread evenly over the depth of the model, linear in
between), or a list of `{filter, value}`: the first filter that is part of the tensor's name wins.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from alloyengine.errors import InputError
from alloyengine.merge.declare import Method, Parameter, Settings
from alloyengine.merge.recipe import did_you_mean
from alloyengine.spec.merge import Recipe

_LAYER = re.compile(r"(?:^|\.)(?:layers|layer|h|blocks|block)\.(\d+)\.")


def layer_of(tensor: str) -> int | None:
    found = _LAYER.search(tensor)
    return int(found[1]) if found else None


def check_names(recipe: Recipe, method: Method) -> None:
    """InputError when the recipe gives a parameter that the method does not have."""
    places = {f"models.{i}.parameters": m.parameters for i, m in enumerate(recipe.models)}
    known = [parameter.name for parameter in method.parameters]
    for place, given in {"parameters": recipe.parameters, **places}.items():
        for name in given.keys() - known:
            raise InputError(
                "recipe_wrong",
                f"recipe: {place}.{name}: {method.name} has no such parameter.",
                did_you_mean(name, known),
            )


def settings_for(recipe: Recipe, method: Method, tensor: str, layers: int) -> Settings:
    """The parameters for one tensor of a model with so many layers.

    Embeddings, final norm and head stand at depth 0, as in the recipes' home.
    """
    depth = (layer_of(tensor) or 0) / (layers - 1) if layers > 1 else 1.0
    shared = {
        p.name: _value(p, [("parameters", recipe.parameters)], tensor, depth)
        for p in method.parameters
        if p.scope == "global"
    }
    owned = [p for p in method.parameters if p.scope != "global"]
    base: list[Mapping[str, float]] = [{}] if method.has_base else []
    own: list[Mapping[str, float]] = []
    for number, entry in enumerate(recipe.models):
        if method.has_base and entry.model == recipe.base_model:
            continue
        place = f"models.{number}.parameters"
        sources = [(place, entry.parameters), ("parameters", recipe.parameters)]
        own.append({p.name: _value(p, sources, tensor, depth) for p in owned})
    return Settings(shared, (*base, *own))


def _value(
    parameter: Parameter,
    sources: Sequence[tuple[str, Mapping[str, Any]]],
    tensor: str,
    depth: float,
) -> float:
    """From the first source that has the parameter and, if it filters, a filter that fits."""
    for place, given in sources:
        if parameter.name in given:
            path = f"{place}.{parameter.name}"
            value = _filtered(given[parameter.name], tensor, path)
            if value is not None:
                return _at_depth(value, depth, path)
    if parameter.default is None:
        path = f"{sources[0][0]}.{parameter.name}"
        raise InputError("recipe_wrong", f"recipe: {path}: missing for {tensor!r}.", "Add it.")
    return parameter.default


def _filtered(value: Any, tensor: str, path: str) -> Any:
    """None when no filter fits."""
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return value
    for entry in value:
        if not entry.keys() <= {"filter", "value"} or "value" not in entry:
            raise _wrong(path, f"{entry!r} is not of the form {{filter, value}}")
        wanted = entry.get("filter")
        if wanted in (None, "*") or str(wanted) in tensor:
            return entry["value"]
    return None


def _at_depth(value: Any, depth: float, path: str) -> float:
    points = value if isinstance(value, list) else [value]
    if not points or not all(_is_number(point) for point in points):
        raise _wrong(path, f"{value!r} is neither a number nor a list of numbers")
    position = depth * (len(points) - 1)
    left = min(int(position), len(points) - 1)
    right = min(left + 1, len(points) - 1)
    return float(points[left] + (points[right] - points[left]) * (position - left))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _wrong(path: str, why: str) -> InputError:
    return InputError("recipe_wrong", f"recipe: {path}: {why}.")
