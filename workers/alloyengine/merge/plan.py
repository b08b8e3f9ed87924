"""Works out a whole merge from the headers alone, before a tensor is read."""

from collections.abc import Mapping
from dataclasses import dataclass

from alloyengine.checkpoint import Checkpoint, TensorInfo
from alloyengine.checkpoint.dtypes import code_of
from alloyengine.errors import InputError
from alloyengine.merge.declare import Method, Settings
from alloyengine.merge.methods import METHODS
from alloyengine.merge.parameters import check_names, layer_of, settings_for
from alloyengine.spec.merge import Recipe

_FLOATS = {"F64", "F32", "F16", "BF16"}


@dataclass(frozen=True)
class Step:
    """One tensor of the output. Without settings it is copied from the plan's `like`."""

    tensor: str
    info: TensorInfo
    settings: Settings | None


@dataclass(frozen=True)
class Plan:
    method: Method
    models: tuple[str, ...]  # by reference; the base first if the method has one
    like: str  # gives the output its config, tokenizer and tensor names
    steps: tuple[Step, ...]


def make_plan(recipe: Recipe, models: Mapping[str, Checkpoint]) -> Plan:
    """InputError when the models do not fit together or the recipe not the method."""
    method = METHODS[recipe.merge_method]
    check_names(recipe, method)
    like = recipe.base_model or recipe.models[0].model
    sources = _sources(recipe, method)
    for reference in sources:
        _check_fit(like, models[like], reference, models[reference])
    names = models[like].names
    layers = 1 + max((layer_of(name) or 0 for name in names), default=0)
    steps = [_step(recipe, method, name, models[like].info(name), layers) for name in names]
    return Plan(method, sources, like, tuple(steps))


def _sources(recipe: Recipe, method: Method) -> tuple[str, ...]:
    listed = [entry.model for entry in recipe.models]
    if not method.has_base or recipe.base_model is None:
        return tuple(listed)
    return (recipe.base_model, *(name for name in listed if name != recipe.base_model))


def _step(recipe: Recipe, method: Method, name: str, info: TensorInfo, layers: int) -> Step:
    if info.dtype not in _FLOATS:
        return Step(name, info, None)
    dtype = code_of(recipe.dtype) if recipe.dtype else info.dtype
    settings = settings_for(recipe, method, name, layers)
    return Step(name, TensorInfo(info.shape, dtype), settings)


def _check_fit(like: str, model: Checkpoint, reference: str, other: Checkpoint) -> None:
    if missing := set(model.names) ^ set(other.names):
        name = min(missing)
        has, lacks = (like, reference) if name in model.names else (reference, like)
        raise InputError(
            "models_differ",
            f"{has} has a tensor {name!r} that {lacks} lacks.",
            "Merge models of one architecture and size.",
        )
    for name in model.names:
        ours, theirs = model.info(name).shape, other.info(name).shape
        if ours != theirs:
            raise InputError(
                "models_differ",
                f"{name!r} is {list(ours)} in {like} but {list(theirs)} in {reference}.",
                "Merge models of one architecture, size and vocabulary.",
            )
