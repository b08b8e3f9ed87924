"""What a recipe's parameter is worth for one tensor.

A value is a number, a gradient (numbers spread evenly over the depth of the model, linear in
between), or a list of `{filter, value}`: the first filter that is part of the tensor's name wins.
It may stand at a model, a slice, a module or the recipe; the nearest that says something wins.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from alloyengine.errors import InputError
from alloyengine.merge.declare import Method, Settings
from alloyengine.merge.lineup import Line, Role
from alloyengine.spec.doctor.case import Case
from alloyengine.spec.doctor.parameters import check_parameters
from alloyengine.spec.merge import (
    Filtered,
    FilteredMethod,
    Gradient,
    MethodChoice,
    Recipe,
    Value,
)
from alloyengine.spec.methods import MergeMethod, Parameter


def method_for(choice: MethodChoice, tensor: str) -> MergeMethod:
    if isinstance(choice, str):
        return choice
    fitting = (item.value for item in choice if _fits(item, tensor))
    if (found := next(fitting, None)) is None:
        raise InputError(
            "recipe_wrong",
            f"recipe: merge_method: no filter fits {tensor!r}.",
            "Add an entry without a filter, for all the rest.",
        )
    return found


def settings_for(
    line: Line, method: Method, roles: Sequence[Role], has_base: bool, seed: int
) -> Settings:
    """The parameters for one tensor; `roles` as the method will see them, the base first."""
    parameters = method.declaration.parameters
    shared = [p for p in parameters if p.scope == "global"]
    owned = [p for p in parameters if p.scope != "global"]
    models = roles[1:] if has_base else roles
    own = tuple(_values(owned, (role.parameters, *line.scopes), line, role) for role in models)
    # A parameter of the whole merge may be given at a model's slice, too: the first one's holds.
    nearest = [role.parameters for role in line.roles if role.parameters]
    return Settings(
        shared=_values(shared, (*nearest, *line.scopes), line, None),
        own=(({}, *own) if has_base else own),
        key=_key(seed, line.tensor),
    )


def _values(
    parameters: Sequence[Parameter],
    scopes: Sequence[Mapping[str, Value]],
    line: Line,
    role: Role | None,
) -> dict[str, float]:
    found = {p.name: _value(p, scopes, line) for p in parameters}
    for parameter in parameters:
        if found[parameter.name] is None and not parameter.optional:
            of = f" of {role.reference}" if role else ""
            raise InputError(
                "recipe_wrong",
                f"recipe: {parameter.name}{of} is missing for {line.tensor!r}.",
                f"Add {parameter.name}: {parameter.help[0].lower()}{parameter.help[1:]}.",
            )
    return {name: value for name, value in found.items() if value is not None}


def _value(parameter: Parameter, scopes: Sequence[Mapping[str, Value]], line: Line) -> float | None:
    """From the nearest scope that has the parameter and, if it filters, a filter that fits."""
    for given in scopes:
        if parameter.name in given:
            value = _filtered(given[parameter.name], line.tensor)
            if value is not None:
                return _limited(parameter, at_depth(value, line.depth))
    return parameter.default


def _limited(parameter: Parameter, value: float) -> float:
    low, high = parameter.low, parameter.high
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"{'' if low is None else low} to {'' if high is None else high}"
        raise InputError(
            "recipe_wrong",
            f"recipe: {parameter.name} is {value}, outside {bounds.strip()}.",
            f"{parameter.help}.",
        )
    return value


def _filtered(value: Value, tensor: str) -> float | Gradient | None:
    """None when no filter fits."""
    if isinstance(value, Filtered):
        return value.value if _fits(value, tensor) else None
    if not isinstance(value, list):
        return value
    numbers = [item for item in value if not isinstance(item, Filtered)]
    fitting = (item.value for item in value if isinstance(item, Filtered) and _fits(item, tensor))
    return numbers or next(fitting, None)


def _fits(item: Filtered | FilteredMethod, tensor: str) -> bool:
    return item.filter in (None, "*") or str(item.filter) in tensor


def at_depth(value: float | Gradient, depth: float) -> float:
    """A gradient's value at a depth between 0 and 1."""
    points = value if isinstance(value, list) else [value]
    position = depth * (len(points) - 1)
    left = min(int(position), len(points) - 1)
    right = min(left + 1, len(points) - 1)
    return float(points[left] + (points[right] - points[left]) * (position - left))


def _key(seed: int, tensor: str) -> int:
    """The same for a tensor wherever and whenever it is merged."""
    digest = blake2b(f"{seed}:{tensor}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def check_given(recipe: Recipe) -> None:
    """InputError when the recipe gives a parameter that none of its methods has, or one out of
    bounds, or lacks one: the first of what the merge doctor says.
    """
    found = check_parameters(Case(recipe, (), {}, {}))
    if wrong := next((finding for finding in found if finding.level == "error"), None):
        place = ".".join(map(str, wrong.loc))
        raise InputError("recipe_wrong", f"recipe: {place}: {wrong.what}", wrong.remedy)
