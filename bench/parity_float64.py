"""Float64 as the judge: in bfloat16 ours may be no farther from it than the peer's is.

Entries that a method selects by a hair are left out, for both: no two ways of rounding agree on
them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.parity_calls import Call, calls
from bench.parity_inputs import Floats, Inputs
from bench.parity_models import NAMES, World
from bench.parity_reference import doubtful, merge
from bench.parity_sides import Answer, ours, theirs, wanted
from bench.tensors import Float32, decode, encode, read

Figures = dict[str, Any]
Tensors = Mapping[str, Float32]
EXACT = 1e-12  # nothing but the judge's own rounding
TIE = 1.001  # both round the same sums; which halves go up is chance


class Judge:
    """Models of one type of numbers, and what their merges are in float64."""

    def __init__(self, models: Mapping[str, Path], stored: str) -> None:
        self.stored = stored
        self.values = {name: read(models[name]) for name in ("base", *NAMES)}

    def distance(self, call: Call, found: Tensors) -> float:
        """‖found − exact‖ / ‖exact‖ over all tensors, in the type that the recipe asks for."""
        apart = size = 0.0
        for name, tensor in found.items():
            inputs = self.inputs(call, name)
            sure = ~doubtful(call.method, inputs)
            exact = merge(call.method, inputs)[sure]
            written = decode(encode(tensor[sure], self.stored), self.stored)
            apart += float(((written - exact) ** 2).sum())
            size += float((exact**2).sum())
        return float(np.sqrt(apart / size))

    def inputs(self, call: Call, tensor: str) -> Inputs:
        def exactly(model: str) -> Floats:
            return self.values[model][tensor].astype(np.float64)

        listed = [exactly(model) for model, _ in zip("abc", call.own, strict=False)]
        return Inputs(exactly("base") if call.base else None, listed, call.shared, call.own)


def rows(world: World, only: Sequence[str]) -> Iterator[tuple[str, Figures]]:
    asked = [call for call in calls() if wanted(f"bfloat16, {call.name}", only)]
    models, folder = world.families("BF16")["llama"], world.room()
    judge, recipes = Judge(models, "BF16"), [call.recipe("bfloat16") for call in asked]
    for number, answer in enumerate(theirs(recipes, models, folder) if asked else []):
        mine = ours(recipes[number], models, folder / f"ours-{number}")
        yield f"bfloat16, {asked[number].name}", _figures(judge, asked[number], mine, answer)


def _figures(judge: Judge, call: Call, mine: Answer, other: Answer) -> Figures:
    if mine.refused or other.refused:
        return {"ok": False, "at": mine.refused or other.refused}
    far, others = (judge.distance(call, answer.tensors()) for answer in (mine, other))
    figures = {"error": float(f"{far:.3g}"), "allowed": float(f"{others:.3g}")}
    return figures | {"ok": far <= TIE * others + EXACT}
