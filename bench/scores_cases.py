"""The recipes that `bench scores` compares: all twenty methods, some with settings that matter.

Models are called base, elements and capitals. Pure: no model is opened here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alloyengine.spec.methods import DECLARATIONS, MergeMethod

BASE, FIRST, SECOND = "base", "elements", "capitals"
LAYERS = 30
Recipe = dict[str, Any]
Values = Mapping[str, Any]
NONE: Values = {}


@dataclass(frozen=True)
class Case:
    """A model to score: one as it is, or what a recipe makes."""

    method: str
    settings: str = ""
    recipe: Recipe | None = None  # None: the model is not merged, `method` is its name

    @property
    def name(self) -> str:
        return f"{self.method} {self.settings}".strip()


def both(method: MergeMethod, own: Values = NONE, shared: Values = NONE, base: bool = True) -> Case:
    """Both specialists, with the same parameters; `base` where the method may have one."""
    with_base = base and DECLARATIONS[method].base != "ignored"
    optional = DECLARATIONS[method].base == "optional"
    said = words({**own, **shared}, *(["changes to the base"] if optional and base else []))
    models = [entry(FIRST, own), entry(SECOND, own)]
    return Case(method, said, recipe(method, models, shared, BASE if with_base else None))


def pair(method: MergeMethod, shared: Values = NONE, first: str = FIRST) -> Case:
    """The methods for two models: one specialist is the base, the other is merged into it."""
    other = SECOND if first == FIRST else FIRST
    said = words(shared, f"{other} into {first}")
    return Case(method, said, recipe(method, [entry(other)], shared, first))


def entry(model: str, own: Values = NONE) -> dict[str, Any]:
    return {"model": model} | ({"parameters": dict(own)} if own else {})


def recipe(
    method: Any, models: list[Any], shared: Values = NONE, base: str | None = None
) -> Recipe:
    made: Recipe = {"merge_method": method}
    if base:
        made["base_model"] = base
    made["models"] = models
    if shared:
        made["parameters"] = dict(shared)
    return made | {"dtype": "bfloat16"}


def words(values: Values, *more: str) -> str:
    """`weight 0.7, density 0.5, changes to the base`"""
    return ", ".join([*(f"{name} {_word(value)}" for name, value in values.items()), *more])


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def halves() -> Case:
    """The lower layers of one specialist below the upper ones of the other."""
    middle = LAYERS // 2
    slices = [
        {"sources": [{"model": model, "layer_range": list(layers)}]}
        for model, layers in ((FIRST, (0, middle)), (SECOND, (middle, LAYERS)))
    ]
    said = f"layers 0–{middle - 1} of {FIRST}, {middle}–{LAYERS - 1} of {SECOND}"
    made = {"merge_method": "passthrough", "slices": slices, "dtype": "bfloat16"}
    return Case("passthrough", said, made)


def crossing() -> Case:
    """The first specialist is stronger in the lower layers, the second in the upper ones."""
    models = [entry(FIRST, {"weight": [1.0, 0.4]}), entry(SECOND, {"weight": [0.4, 1.0]})]
    said = f"weights over the layers: {FIRST} 1 → 0.4, {SECOND} 0.4 → 1"
    return Case("task_arithmetic", said, recipe("task_arithmetic", models, base=BASE))


def zigzag() -> Case:
    """The gradients that the field's first examples made popular."""
    t = [
        {"filter": "self_attn", "value": [0, 0.5, 0.3, 0.7, 1]},
        {"filter": "mlp", "value": [1, 0.5, 0.7, 0.3, 0]},
        {"value": 0.5},
    ]
    said = f"t over the layers: attention 0 → 1, MLP 1 → 0, {SECOND} into {FIRST}"
    return Case("slerp", said, recipe("slerp", [entry(SECOND)], {"t": t}, FIRST))


def mix() -> Case:
    method = [
        {"filter": "self_attn", "value": "ties"},
        {"filter": "mlp", "value": "della_linear"},
        {"value": "linear"},
    ]
    own = {"weight": 0.7, "density": 0.5}
    said = "ties for attention, della_linear for MLPs, linear for the rest, " + words(own)
    models = [entry(FIRST, own), entry(SECOND, own)]
    return Case("mix", said, recipe(method, models, base=BASE))


def densities(method: MergeMethod, values: Sequence[Values]) -> list[Case]:
    return [both(method, {"weight": 0.7, **own}) for own in values]


RANDOM = ({"density": 0.5}, {"density": 0.1})
CRUMBS = ({"density": 0.9, "gamma": 0.01}, {"density": 0.5, "gamma": 0.01})
RANKED = ({"density": 0.8, "epsilon": 0.15}, {"density": 0.5, "epsilon": 0.15})

ALONE = [Case(BASE, "alone"), Case(FIRST, "specialist alone"), Case(SECOND, "specialist alone")]
CASES = [
    *ALONE,
    both("linear", {"weight": 0.5}),
    pair("slerp", {"t": 0.5}),
    zigzag(),
    both("nuslerp", {"weight": 0.5}, base=False),
    both("nuslerp", {"weight": 0.5}),
    both("multislerp", {"weight": 0.5}, base=False),
    both("multislerp", {"weight": 0.5}),
    both("karcher"),
    *(both("task_arithmetic", {"weight": weight}) for weight in (0.5, 0.7, 1.0)),
    crossing(),
    *(both("ties", {"weight": 0.5, "density": density}) for density in (1.0, 0.5, 0.2)),
    both("ties", {"weight": 0.7, "density": 0.5}, {"normalize": False}),
    *densities("dare_ties", RANDOM),
    *densities("dare_linear", RANDOM),
    *densities("breadcrumbs", CRUMBS),
    *densities("breadcrumbs_ties", CRUMBS),
    *densities("della", RANKED),
    *densities("della_linear", RANKED),
    both("model_stock"),
    both("model_stock", shared={"filter_wise": True}),
    *(both("sce", shared={"select_topk": share}) for share in (1.0, 0.5, 0.1)),
    pair("arcee_fusion"),
    pair("arcee_fusion", first=SECOND),
    pair("nearswap", {"t": 0.001}),
    pair("nearswap", {"t": 0.0001}),
    both("ram"),
    both("ramplus_tl"),
    halves(),
    mix(),
]
