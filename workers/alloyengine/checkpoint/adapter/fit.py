"""Lines an adapter up with the tensors of a model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from alloyengine.checkpoint.adapter.parts import Factors, Parts, Saved
from alloyengine.checkpoint.adapter.renaming import Misfit, Renaming, find_renaming
from alloyengine.checkpoint.header import TensorInfo

Tensors = Mapping[str, TensorInfo]


@dataclass(frozen=True)
class Update:
    """What an adapter does to one tensor: it replaces it, adds to it, or both in this order."""

    saved: Saved | None = None
    factors: Factors | None = None
    inputs_first: bool = False  # the tensor is [inputs, outputs], as of embeddings and Conv1D


Updates = Mapping[str, Update]


def as_named(parts: Parts, inputs_first: bool) -> Updates:
    """By the adapter's own names, as long as no model is known."""
    found = {name: Update(saved) for name, saved in parts.saved.items()}
    for module, factors in parts.factors.items():
        name = f"{module}.weight"
        saved = parts.saved.get(name)
        found[name] = Update(saved, factors, inputs_first or factors.embeds)
    return found


def fit(
    parts: Parts, tensors: Tensors, inputs_first: bool, equal: Callable[[Saved, Saved], bool]
) -> Updates:
    """By the model's names. Raises Misfit.

    `inputs_first` decides for square weights of layers, unless the model's others tell.
    """
    modules = [f"{module}.weight" for module in parts.factors]
    renaming = find_renaming(modules, tensors)
    inputs_first = inputs_first or stores_inputs_first(tensors)
    saved = _find_saved(parts, tensors, renaming, equal)
    found = {name: Update(tensor) for name, tensor in saved.items()}
    for module, factors in parts.factors.items():
        name = renaming.to_base(f"{module}.weight")
        turned = _is_turned(name, factors, tensors[name].shape, inputs_first)
        if factors.magnitude and turned:
            raise Misfit(f"{name!r} is stored as [inputs, outputs], of which DoRA can't be merged")
        found[name] = Update(saved.get(name), factors, turned)
    return found


def _find_saved(
    parts: Parts, tensors: Tensors, renaming: Renaming, equal: Callable[[Saved, Saved], bool]
) -> dict[str, Saved]:
    found, missing = {}, {}
    for name, saved in parts.saved.items():
        ours = next((n for n in (renaming.to_base(name), name) if n in tensors), None)
        if ours is None:
            missing[name] = saved
        elif tensors[ours].shape != saved.shape:
            raise Misfit(_differs(ours, tensors[ours].shape, saved.shape))
        else:
            found[ours] = saved
    for name, saved in missing.items():
        # A head that is tied to the embedding may have been saved with it.
        if not any(equal(saved, other) for other in found.values()):
            raise Misfit.lacks(name)
    return found


def _differs(name: str, ours: tuple[int, ...], theirs: tuple[int, ...]) -> str:
    words = f"{name!r} is {list(ours)} in the model, but {list(theirs)} in the adapter"
    if len(ours) == len(theirs) == 2 and ours[1] == theirs[1]:
        words += " (perhaps tokens were added to the model before it was trained)"
    return words


def _is_turned(name: str, factors: Factors, shape: tuple[int, ...], inputs_first: bool) -> bool:
    """Is the weight [inputs, outputs]? Its shape tells, but for square weights."""
    straight, turned = (factors.outputs, factors.inputs), (factors.inputs, factors.outputs)
    if shape not in (straight, turned) or (factors.embeds and shape != turned):
        raise Misfit(_differs(name, shape, turned if factors.embeds else straight))
    if factors.embeds or straight != turned:
        return factors.embeds or shape == turned
    return inputs_first and any(part.isdecimal() for part in name.split("."))


def stores_inputs_first(tensors: Tensors) -> bool:
    """Are weights [inputs, outputs], as GPT-2's are? Biases, one number for each output, tell."""
    for name, info in tensors.items():
        bias = tensors.get(f"{name.removesuffix('weight')}bias")
        if bias and len(info.shape) == 2 and info.shape[0] != info.shape[1] == bias.numel:
            return True
    return False
