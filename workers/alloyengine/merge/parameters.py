"""What a recipe's parameter is worth for one tensor.

A value is a number, a gradient (numbers spread evenly over the depth of the model, linear in
between), or a list of `{filter, value}`: the first filter that is part of the tensor's name wins.
"""

import re
from collections.abc import Mapping, Sequence

from alloyengine.errors import InputError
from alloyengine.merge.declare import Method, Settings
from alloyengine.merge.recipe import did_you_mean
from alloyengine.spec.merge import Filtered, Gradient, Recipe, Value
from alloyengine.spec.methods import Parameter

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
    sources: Sequence[tuple[str, Mapping[str, Value]]],
    tensor: str,
    depth: float,
) -> float:
    """From the first source that has the parameter and, if it filters, a filter that fits."""
    for _, given in sources:
        if parameter.name in given:
            value = _filtered(given[parameter.name], tensor)
            if value is not None:
                return _at_depth(value, depth)
    if parameter.default is None:
        path = f"{sources[0][0]}.{parameter.name}"
        raise InputError("recipe_wrong", f"recipe: {path}: missing for {tensor!r}.", "Add it.")
    return parameter.default


def _filtered(value: Value, tensor: str) -> float | Gradient | None:
    """None when no filter fits."""
    if not isinstance(value, list):
        return value
    numbers = [item for item in value if not isinstance(item, Filtered)]
    fitting = (item.value for item in value if isinstance(item, Filtered) and _fits(item, tensor))
    return numbers or next(fitting, None)


def _fits(item: Filtered, tensor: str) -> bool:
    return item.filter in (None, "*") or str(item.filter) in tensor


def _at_depth(value: float | Gradient, depth: float) -> float:
    points = value if isinstance(value, list) else [value]
    position = depth * (len(points) - 1)
    left = min(int(position), len(points) - 1)
    right = min(left + 1, len(points) - 1)
    return float(points[left] + (points[right] - points[left]) * (position - left))
