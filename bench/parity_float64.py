"""In bfloat16 ours may be no farther from float64 than the peer's is.

Entries that a method selects by a hair are left out, for both: no two ways of rounding agree on
them. They are why float64 judges arcee_fusion in float32 as well, where the peer's importances are
right to two digits only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.parity_calls import Call, calls
from bench.parity_inputs import Floats, Inputs
from bench.parity_models import World
from bench.parity_reference import doubtful, merge
from bench.parity_sides import Answer, ours, theirs, wanted
from bench.tensors import Float32, decode, encode, read

Figures = dict[str, Any]
Tensors = Mapping[str, Float32]
JUDGED = ("arcee_fusion",)  # in float32, too
SAME = 1e-5
EXACT = 1e-12  # nothing but the judge's own rounding
TIE = 1.001  # both round the same sums; which halves go up is chance


@dataclass(frozen=True)
class Judge:
    """Models of one type of numbers, and what their merges are in float64."""

    dtype: str
    stored: str
    values: Mapping[str, Tensors]

    def figures(self, call: Call, mine: Answer, other: Answer) -> Figures:
        if mine.refused or other.refused:
            return {"ok": False, "at": mine.refused or other.refused}
        far, others = (self.distance(call, answer.tensors()) for answer in (mine, other))
        allowed = SAME if self.stored == "F32" else TIE * others + EXACT
        error = {"error": float(f"{far:.2g}"), "allowed": float(f"{allowed:.2g}")}
        return error | {"peer's": {"error": others}, "ok": bool(far <= allowed)}

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
    everything = list(calls())
    judged = [call for call in everything if call.method in JUDGED]
    for dtype, stored, possible in (("bfloat16", "BF16", everything), ("float32", "F32", judged)):
        chosen = [call for call in possible if wanted(f"{dtype}, {call.name}", only)]
        models = world.families(stored)["llama"]
        values = {name: read(models[name]) for name in ("base", "a", "b", "c")}
        judge, folder = Judge(dtype, stored, values), world.room()
        recipes = [call.recipe(dtype) for call in chosen]
        for number, answer in enumerate(theirs(recipes, models, folder) if recipes else []):
            mine = ours(recipes[number], models, folder / f"ours-{number}")
            call = chosen[number]
            yield f"{dtype}, {call.name}", judge.figures(call, mine, answer)
