"""The methods that draw at random, by what they draw: the same expectation, density and L1 norm.

Both sides merge the same models S times with different seeds. Then, over all entries:

expectation  For an entry with means m, m' and variances v, v' over the seeds, (m − m')² is on average
             (v + v') / S when both have the same expectation, whatever they draw from. Summed over N
             entries, each in units of its own change, the one over the other is 1 give or take
             √(2 / N): 0.5 %. 4 % are allowed; an expectation off by a fifth of the spread is outside.
spread       The mean of 2v / (v + v') is 1 give or take √(1 / SN): 0.1 %. 2 % are allowed; models
             that are masked alike instead of each by itself would be far outside.
density      With one model, the kept entries are those that differ from the base. Their number is
             a sum of independent draws; it may be 5 standard deviations from its expectation.
L1           With one model, `rescale` makes the sum of the kept entries' sizes that of all.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench.parity_calls import Call
from bench.parity_inputs import Floats
from bench.parity_models import NAMES, World
from bench.parity_sides import Answer, ours, theirs, wanted
from bench.parity_task_vectors import METHODS
from bench.tensors import Float32, read

Figures = dict[str, Any]
Tensors = Mapping[str, Float32]

OFF, SPREAD_OFF, DEVIATIONS, NORM_OFF = 0.04, 0.02, 5.0, 1e-5
WEIGHTS = (0.5, 0.3, 0.7)


def calls() -> Iterator[Call]:
    for method in ("dare_linear", "dare_ties", "della_linear", "della"):
        for density, count in ((0.3, 1), (0.5, 3)):
            own = [{"weight": weight, "density": density} for weight in WEIGHTS[:count]]
            yield Call(method, f"density {density}, {count} drawn", own)
    plain = [{"weight": 0.5, "density": 0.6, "epsilon": 0.3}]
    plain_dare = [{"weight": 0.5, "density": 0.6}]
    yield Call("della", "a wide epsilon, not rescaled, 1 drawn", plain, {"rescale": False})
    yield Call("dare_linear", "not rescaled, 1 drawn", plain_dare, {"rescale": False})


def rows(world: World, only: Sequence[str], seeds: int) -> Iterator[tuple[str, Figures]]:
    models = world.families()["llama"]
    values = {name: read(models[name]) for name in ("base", *NAMES)}
    for call in calls():
        if wanted(f"random, {call.name}", only):
            folder, recipe = world.room(), call.recipe("float32")
            drawn = theirs([recipe] * seeds, models, folder, range(1, seeds + 1))
            mine = [ours(recipe, models, folder / f"ours-{n}", n) for n in range(1, seeds + 1)]
            yield f"random, {call.name}", _figures(call, values, mine, drawn)


def _figures(
    call: Call, values: Mapping[str, Tensors], mine: Sequence[Answer], drawn: Sequence[Answer]
) -> Figures:
    refused = [answer.refused for answer in (*mine, *drawn) if answer.refused]
    if refused:
        return {"ok": False, "at": refused[0]}
    mine_side, other = sides = [Side(answers) for answers in (mine, drawn)]
    changes = [_flat(values[name]) - _flat(values["base"]) for name in "abc"[: len(call.own)]]
    far = abs(expectation(mine_side, other, np.square(changes).sum(0)) - 1)
    wide = spread(mine_side, other)
    found: Figures = {"seeds": len(mine), "spread": round(wide, 4)}
    good = far <= OFF and abs(wide - 1) <= SPREAD_OFF
    if len(call.own) == 1:
        more, fine = _one_model(call, values, sides)
        found, good = found | more, good and fine
    return {"error": float(f"{far:.2g}"), "allowed": OFF, "drawn": found, "ok": good}


class Side:
    """The entries of all tensors, drawn S times."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.draws = np.stack([_flat(answer.tensors()) for answer in answers])
        self.mean, self.variance = self.draws.mean(0), self.draws.var(0, ddof=1)


def expectation(mine: Any, other: Any, unit: Floats) -> float:
    """How far apart the means are, squared, over how far chance would put them: 1 at best."""
    moved, count = unit > 0, len(mine.draws)
    apart = ((mine.mean - other.mean)[moved] ** 2 / unit[moved]).sum()
    chance = ((mine.variance + other.variance)[moved] / unit[moved]).sum() / count
    return float(apart / chance)


def spread(mine: Any, other: Any) -> float:
    """The one's variance over the mean of both, on average over the entries that vary."""
    both = mine.variance + other.variance
    return float((2 * mine.variance[both > 0] / both[both > 0]).mean())


def _one_model(
    call: Call, values: Mapping[str, Tensors], sides: Sequence[Side]
) -> tuple[Figures, bool]:
    base, change = _flat(values["base"]), _flat(values["a"]) - _flat(values["base"])
    chances = np.concatenate([_chances(call, values, name) for name in sorted(values["base"])])
    moved, figures, good = change != 0, {}, True
    for who, side in zip(("ours", "peer"), sides, strict=True):
        deviation = density(side.draws[:, moved] != base[moved], chances[moved])
        figures[f"density off, {who}"] = round(deviation, 2)
        good = good and abs(deviation) <= DEVIATIONS
        if call.shared.get("rescale", True):
            weight = 1 if METHODS[call.method].normalize else call.own[0]["weight"]
            sizes = np.abs(side.draws - base).sum(1) / weight
            off = float(np.abs(sizes / np.abs(change).sum() - 1).max())
            figures[f"L1 off, {who}"] = float(f"{off:.1g}")
            good = good and off <= NORM_OFF
    return figures, good


def density(kept: Any, chances: Floats) -> float:
    """By how many standard deviations the number of kept entries is off. `kept`: [S, entries]."""
    draws = len(kept)
    spread = np.sqrt(draws * (chances * (1 - chances)).sum())
    return float((kept.sum() - draws * chances.sum()) / spread)


def _chances(call: Call, values: Mapping[str, Tensors], tensor: str) -> Floats:
    """Of every entry to be kept: all alike, or by its rank within its row."""
    own, change = call.own[0], values["a"][tensor] - values["base"][tensor]
    if call.method.startswith("dare"):
        return np.full(change.size, own["density"])
    rows = np.abs(np.atleast_2d(change))
    ranks = rows.argsort(1).argsort(1) / (rows.shape[1] - 1)
    epsilon = own.get("epsilon", 0.15)
    return np.asarray(own["density"] - epsilon + 2 * epsilon * ranks).reshape(-1)


def _flat(tensors: Tensors) -> Floats:
    parts = [tensors[name].astype(np.float64).reshape(-1) for name in sorted(tensors)]
    return np.concatenate(parts)
