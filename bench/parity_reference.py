"""The merge methods in float64, straight from their definitions: the judge of rounding errors.

Plain numpy over whole tensors, slow and without a care for memory; it shares no line with the
engine. The random methods are here for density 1 alone, where they draw nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Inputs:
    """One tensor of every model, in float64."""

    base: Floats | None
    models: Sequence[Floats]
    shared: Mapping[str, Any]
    own: Sequence[Mapping[str, Any]]

    @property
    def origin(self) -> Floats:
        if self.base is None:
            raise ValueError("this method needs a base")
        return self.base

    @property
    def changes(self) -> list[Floats]:
        return [model - self.origin for model in self.models]

    def each(self, name: str, default: float = 1.0) -> list[float]:
        return [float(own.get(name, self.shared.get(name, default))) for own in self.own]


def merge(method: str, inputs: Inputs) -> Floats:
    return METHODS[method](inputs)


def linear(inputs: Inputs) -> Floats:
    weights = inputs.each("weight")
    total = sum(weights) if inputs.shared.get("normalize", True) else 1.0
    return _sum(weights, inputs.models) / total


def slerp(inputs: Inputs) -> Floats:
    a, b, t = inputs.origin, inputs.models[0], float(inputs.shared["t"])
    cosine = np.clip(np.sum(a * b) / (_norm(a) * _norm(b)), -1, 1)
    if abs(cosine) > 0.9995:
        return (1 - t) * a + t * b
    return _arc(a, b, t, np.arccos(cosine))


def nuslerp(inputs: Inputs) -> Floats:
    weights = inputs.each("weight")
    t = 0.5 if abs(sum(weights)) < 1e-6 else weights[1] / sum(weights)
    ends = inputs.models if inputs.base is None else inputs.changes
    shape, axis = ends[0].shape, -1
    if inputs.shared.get("nuslerp_flatten", True):
        ends = [end.reshape(-1) for end in ends]
    elif inputs.shared.get("nuslerp_row_wise", False):
        axis = 0
    lengths = [np.maximum(np.sqrt((end**2).sum(axis, keepdims=True)), 1e-7) for end in ends]
    cosine = (ends[0] / lengths[0] * ends[1] / lengths[1]).sum(axis, keepdims=True).clip(-1, 1)
    result = _arc(ends[0], ends[1], t, np.arccos(cosine)).reshape(shape)
    return result if inputs.base is None else inputs.origin + result


def multislerp(inputs: Inputs) -> Floats:
    ends = list(inputs.models if inputs.base is None else inputs.changes)
    if len(ends) == 1:
        return inputs.models[0]
    eps, weights = float(inputs.shared.get("eps", 1e-8)), np.array(inputs.each("weight"))
    if inputs.shared.get("normalize_weights", True):
        weights = weights / weights.sum()
    norms = [_norm(end) for end in ends]
    units = [end / (norm + eps) for end, norm in zip(ends, norms, strict=True)]
    mean = _sum(weights, units)
    mean = mean / _norm(mean)
    tangent = _sum(weights, [unit - np.sum(unit * mean) * mean for unit in units])
    length = _norm(tangent) + eps
    result = mean * np.cos(length) + tangent * np.sin(length) / length
    result = result * float(np.dot(weights, norms))
    return result if inputs.base is None else inputs.origin + result


def karcher(inputs: Inputs) -> Floats:
    steps, tol = int(inputs.shared.get("max_iter", 10)), float(inputs.shared.get("tol", 1e-5))
    share = 1 / len(inputs.models)
    norms = [_norm(model) for model in inputs.models]
    units = [model / norm for model, norm in zip(inputs.models, norms, strict=True)]
    mean = _unit(_sum([share] * len(units), units))
    for _ in range(steps):
        tangent = np.zeros_like(mean)
        for unit in units:
            cosine = np.clip(np.sum(mean * unit), -1, 1)
            angle = np.arccos(cosine)
            if angle >= tol:
                tangent += share * angle / np.sin(angle) * (unit - cosine * mean)
        length = _norm(tangent)
        if length < tol:
            break
        mean = _unit(np.cos(length) * mean + np.sin(length) * tangent / length)
    return mean * share * sum(norms)


def task_arithmetic(inputs: Inputs) -> Floats:
    return _join(inputs, inputs.changes, consensus=False, normalize=False)


def ties(inputs: Inputs) -> Floats:
    kept = _sparse(inputs, lambda change, own: largest(change, _density(own)), rescale=False)
    return _join(inputs, kept, consensus=True, normalize=True)


def breadcrumbs(inputs: Inputs) -> Floats:
    return _join(inputs, _crumbs(inputs), consensus=False, normalize=False)


def breadcrumbs_ties(inputs: Inputs) -> Floats:
    return _join(inputs, _crumbs(inputs), consensus=True, normalize=False)


def _random(consensus: bool, normalize: bool) -> Callable[[Inputs], Floats]:
    def whole(inputs: Inputs) -> Floats:
        if any(density < 1 for density in inputs.each("density")):
            raise ValueError("a random method is compared by its statistics")
        return _join(inputs, inputs.changes, consensus, normalize)

    return whole


def model_stock(inputs: Inputs) -> Floats:
    shape = inputs.origin.shape
    rows = 1 if not inputs.shared.get("filter_wise") or len(shape) == 1 else shape[0]
    changes = [change.reshape(rows, -1) for change in inputs.changes]
    count = len(changes)
    cosines = [
        (a * b).sum(1) / np.maximum(np.sqrt((a**2).sum(1) * (b**2).sum(1)), 1e-6)
        for i, a in enumerate(changes)
        for b in changes[i + 1 :]
    ]
    cosine = np.mean(np.clip(cosines, -1, 1), axis=0)[:, None]
    t = count * cosine / (1 + (count - 1) * cosine)
    return inputs.origin + (t * sum(changes) / count).reshape(shape)


def sce(inputs: Inputs) -> Floats:
    changes, share = np.stack(inputs.changes), float(inputs.shared.get("select_topk", 1.0))
    if share < 1:
        variance = changes.var(0)
        count = int(np.count_nonzero(variance) * share)
        changes = changes * _top(variance, count)
    energy = np.array([(change**2).mean() for change in changes])
    even = energy.sum() < 1e-6
    weights = np.full(len(energy), 1 / len(energy)) if even else energy / energy.sum()
    agree = np.sign(changes) == np.where(changes.sum(0) >= 0, 1, -1)
    divisor = _sum(weights, agree.astype(float))
    return inputs.origin + _sum(weights, changes * agree) / np.maximum(divisor, 1e-6)


def arcee_fusion(inputs: Inputs) -> Floats:
    base, change = inputs.origin, inputs.changes[0]
    p, q = _softmax(inputs.models[0]) + 1e-8, _softmax(base) + 1e-8
    importance = np.abs(change) * (p * np.log(p / q)).sum(-1, keepdims=True)
    ordered = np.sort(importance, axis=None)
    low, middle, high = (ordered[int(part * (ordered.size - 1))] for part in (0.25, 0.5, 0.75))
    return base + change * (importance >= middle + 1.5 * (high - low))


def nearswap(inputs: Inputs) -> Floats:
    base, other, t = inputs.origin, inputs.models[0], float(inputs.shared["t"])
    weight = np.clip(t / np.maximum(np.abs(base - other), 1e-6), 0, 1)
    return weight * other + (1 - weight) * base


def ram(inputs: Inputs) -> Floats:
    return _ram(inputs, [1.0] * len(inputs.models))


def ramplus_tl(inputs: Inputs) -> Floats:
    r, alpha, eps = (
        float(inputs.shared.get(name, default))
        for name, default in (("r", 0.1), ("alpha", 0.2), ("epsilon", 1e-5))
    )
    moved = np.abs(np.stack(inputs.changes)) > eps
    count = moved.sum(0)
    ratios = [(row & (count > 1)).sum() / max((row & (count == 1)).sum(), eps) for row in moved]
    return _ram(inputs, [1 + r * min(max(ratio, 0), alpha) for ratio in ratios])


def passthrough(inputs: Inputs) -> Floats:
    return inputs.models[0] * inputs.each("scale")[0]


METHODS: dict[str, Callable[[Inputs], Floats]] = {
    "linear": linear,
    "slerp": slerp,
    "nuslerp": nuslerp,
    "multislerp": multislerp,
    "karcher": karcher,
    "task_arithmetic": task_arithmetic,
    "ties": ties,
    "dare_ties": _random(consensus=True, normalize=False),
    "dare_linear": _random(consensus=False, normalize=False),
    "breadcrumbs": breadcrumbs,
    "breadcrumbs_ties": breadcrumbs_ties,
    "della": _random(consensus=True, normalize=True),
    "della_linear": _random(consensus=False, normalize=False),
    "model_stock": model_stock,
    "sce": sce,
    "arcee_fusion": arcee_fusion,
    "nearswap": nearswap,
    "ram": ram,
    "ramplus_tl": ramplus_tl,
    "passthrough": passthrough,
}


def largest(change: Floats, density: float) -> Mask:
    """The entries of the largest magnitudes."""
    if density >= 1:
        return np.ones(change.shape, bool)
    return _top(np.abs(change), max(1, int(density * change.size)) if density > 0 else 0)


def _top(values: Floats, count: int) -> Mask:
    """The `count` largest entries."""
    mask = np.zeros(values.size, bool)
    mask[np.argsort(-values, axis=None, kind="stable")[:count]] = True
    return mask.reshape(values.shape)


def _crumbs(inputs: Inputs) -> list[Floats]:
    def middle(change: Floats, own: Mapping[str, float]) -> Mask:
        size, density, gamma = change.size, _density(own), own["gamma"]
        if density >= 1:
            return np.ones(change.shape, bool)
        kept, top = int(density * size), int(gamma * size)
        bottom = max(0, size - kept - top)
        mask = np.zeros(size, bool)
        order = np.argsort(np.abs(change), axis=None, kind="stable")
        mask[order[bottom : bottom + kept]] = True
        return mask.reshape(change.shape)

    return _sparse(inputs, middle, rescale=False)


def _density(own: Mapping[str, float]) -> float:
    return own["density"]


Select = Callable[[Floats, Mapping[str, float]], Mask]


def _sparse(inputs: Inputs, select: Select, rescale: bool) -> list[Floats]:
    """Every change with the unselected entries zero; of its old L1 norm where that is asked."""
    densities, gammas = inputs.each("density"), inputs.each("gamma", 0.01)
    made = []
    for change, density, gamma in zip(inputs.changes, densities, gammas, strict=True):
        kept = change * select(change, {"density": density, "gamma": gamma})
        before, after = np.abs(change).sum(), np.abs(kept).sum()
        wanted = inputs.shared.get("rescale", rescale) and min(before, after) >= 1e-7
        made.append(kept * (before / after) if wanted and density < 1 else kept)
    return made


def _join(inputs: Inputs, changes: list[Floats], consensus: bool, normalize: bool) -> Floats:
    weights = inputs.each("weight")
    parts = np.stack([w * change for w, change in zip(weights, changes, strict=True)])
    counted = np.ones(parts.shape, bool)
    if consensus:
        counted = np.sign(parts) == np.where(parts.sum(0) >= 0, 1, -1)
    total = (parts * counted).sum(0)
    if inputs.shared.get("normalize", normalize):
        divisor = _sum(weights, counted.astype(float))
        total = total / np.where(np.abs(divisor) < 1e-8, 1, divisor)
    return inputs.origin + float(inputs.shared.get("lambda", 1.0)) * total


def _ram(inputs: Inputs, strengths: Sequence[float]) -> Floats:
    changes = np.stack(inputs.changes)
    moved = np.abs(changes) > float(inputs.shared.get("epsilon", 1e-5))
    count = moved.sum(0)
    alone = _sum(strengths, changes * moved * (count == 1))
    together = (changes * moved * (count > 1)).sum(0) / np.maximum(count, 1)
    return inputs.origin + alone + together


def _arc(a: Floats, b: Floats, t: float, angle: Any) -> Floats:
    """The ends themselves, not their directions, go into the sum."""
    sine = np.sin(angle)
    straight = sine <= 1e-8
    safe = np.where(straight, 1, sine)
    bent = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / safe
    return np.where(straight, (1 - t) * a + t * b, bent)


def _sum(weights: Any, arrays: Any) -> Floats:
    total: Floats = sum(w * array for w, array in zip(weights, arrays, strict=True))
    return total


def _norm(values: Floats) -> float:
    return float(np.sqrt((values**2).sum()))


def _unit(values: Floats) -> Floats:
    return values / _norm(values)


def _softmax(values: Floats) -> Floats:
    raised = np.exp(values - values.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)
