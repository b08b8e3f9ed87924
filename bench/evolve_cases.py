"""What `bench evolve` searches, and the grid it is set against. Pure: no model is opened here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alloyengine.spec.merge import Recipe
from bench.scores_cases import (
    BASE,
    FIRST,
    SECOND,
    both,
    crossing,
    entry,
    mix,
    pair,
    recipe,
    zigzag,
)

WEIGHT = {"low": 0.0, "high": 1.5, "start": 0.5}
DENSITY = {"low": 0.1, "high": 1.0, "start": 0.6}
Raw = dict[str, Any]


def of_both(method: Any, base: str | None = BASE, **ranges: Any) -> Raw:
    """Each specialist with numbers of its own."""
    return recipe(method, [entry(FIRST, ranges), entry(SECOND, ranges)], base=base)


SEARCHED = of_both("ties", weight=WEIGHT, density=DENSITY)
"""Where a bad recipe is as easily had as a good one."""

MAKING: dict[str, Raw] = {
    "linear": of_both("linear", None, weight=WEIGHT),
    "task_arithmetic": of_both("task_arithmetic", weight=WEIGHT),
    "task_arithmetic, weights over the layers": of_both(
        "task_arithmetic", weight=WEIGHT | {"points": 4}
    ),
    "slerp": recipe("slerp", [entry(SECOND)], {"t": {"low": 0.0, "high": 1.0}}, FIRST),
    "ties, weights": recipe(
        "ties", [entry(FIRST, {"weight": WEIGHT}), entry(SECOND, {"weight": WEIGHT})],
        {"density": 0.5}, BASE,
    ),
    "ties, weights and densities": SEARCHED,
    "dare_ties, weights and densities": of_both("dare_ties", weight=WEIGHT, density=DENSITY),
    "della, weights": of_both("della", weight=WEIGHT),
}  # fmt: skip

_CASES = [
    both("linear", {"weight": 0.5}),
    pair("slerp", {"t": 0.3}),
    pair("slerp", {"t": 0.5}),
    pair("slerp", {"t": 0.7}),
    zigzag(),
    both("nuslerp", {"weight": 0.5}),
    both("multislerp", {"weight": 0.5}),
    *(both("task_arithmetic", {"weight": weight}) for weight in (0.5, 0.7, 1.0)),
    crossing(),
    *(both("ties", {"weight": 0.5, "density": density}) for density in (1.0, 0.5, 0.2)),
    both("ties", {"weight": 0.7, "density": 0.5}, {"normalize": False}),
    both("dare_ties", {"weight": 0.7, "density": 0.5}),
    both("dare_linear", {"weight": 0.7, "density": 0.5}),
    both("della", {"weight": 0.7, "density": 0.5, "epsilon": 0.15}),
    both("breadcrumbs_ties", {"weight": 0.7, "density": 0.9, "gamma": 0.01}),
    mix(),
]
GRID: dict[str, Raw] = {case.name: case.recipe for case in _CASES if case.recipe}


def named(made: Recipe, models: Mapping[str, Path]) -> Raw:
    """A recipe as the peer takes it, with folders for names."""
    raw = made.model_dump(mode="json", exclude_defaults=True)
    for listed in raw["models"]:
        listed["model"] = str(models[listed["model"]])
    if "base_model" in raw:
        raw["base_model"] = str(models[raw["base_model"]])
    return raw
