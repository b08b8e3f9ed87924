"""The merge methods in float64, straight from their definitions: the judge of rounding errors.

Plain numpy over whole tensors, slow and without a care for memory; it shares no line with the
engine. The random methods are here for density 1 alone, where they draw nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench import parity_task_vectors
from bench.parity_inputs import Floats, Inputs, Mask, add, near, norm, softmax, top, undecided, unit


def merge(method: str, inputs: Inputs) -> Floats:
    return METHODS[method](inputs)


def doubtful(method: str, inputs: Inputs) -> Mask:
    """Entries that a method selects or drops by a hair, which no two ways of rounding agree on."""
    if method in parity_task_vectors.METHODS:
        return parity_task_vectors.METHODS[method].doubtful(inputs)
    if method == "arcee_fusion":
        importance, threshold = _importance(inputs)
        return near(importance, threshold, 0.05)
    if method == "sce":
        return _sce_doubtful(inputs)
    return np.zeros(inputs.models[0].shape, bool)


def linear(inputs: Inputs) -> Floats:
    weights = inputs.each("weight")
    total = sum(weights) if inputs.shared.get("normalize", True) else 1.0
    return add(weights, inputs.models) / total


def slerp(inputs: Inputs) -> Floats:
    a, b, t = inputs.origin, inputs.models[0], float(inputs.shared["t"])
    cosine = np.clip(np.sum(a * b) / (norm(a) * norm(b)), -1, 1)
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
    norms = [norm(end) for end in ends]
    units = [end / (length + eps) for end, length in zip(ends, norms, strict=True)]
    mean = add(weights, units)
    mean = mean / norm(mean)
    tangent = add(weights, [end - np.sum(end * mean) * mean for end in units])
    length = norm(tangent) + eps
    result: Floats = mean * np.cos(length) + tangent * np.sin(length) / length
    result = result * float(np.dot(weights, norms))
    return result if inputs.base is None else inputs.origin + result


def karcher(inputs: Inputs) -> Floats:
    steps, tol = int(inputs.shared.get("max_iter", 10)), float(inputs.shared.get("tol", 1e-5))
    share = 1 / len(inputs.models)
    norms = [norm(model) for model in inputs.models]
    units = [model / length for model, length in zip(inputs.models, norms, strict=True)]
    mean = unit(add([share] * len(units), units))
    for _ in range(steps):
        tangent = np.zeros_like(mean)
        for end in units:
            cosine = np.clip(np.sum(mean * end), -1, 1)
            angle = np.arccos(cosine)
            if angle >= tol:
                tangent += share * angle / np.sin(angle) * (end - cosine * mean)
        length = norm(tangent)
        if length < tol:
            break
        mean = unit(np.cos(length) * mean + np.sin(length) * tangent / length)
    return mean * share * sum(norms)


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
    moved: Floats = (t * sum(changes) / count).reshape(shape)
    return inputs.origin + moved


def sce(inputs: Inputs) -> Floats:
    changes, share = np.stack(inputs.changes), float(inputs.shared.get("select_topk", 1.0))
    if share < 1:
        variance = changes.var(0)
        count = int(np.count_nonzero(variance) * share)
        changes = changes * top(variance, count)
    energy = np.array([(change**2).mean() for change in changes])
    even = energy.sum() < 1e-6
    weights = np.full(len(energy), 1 / len(energy)) if even else energy / energy.sum()
    agree = np.sign(changes) == np.where(changes.sum(0) >= 0, 1, -1)
    divisor = add(weights, agree.astype(float))
    return inputs.origin + add(weights, changes * agree) / np.maximum(divisor, 1e-6)


def _sce_doubtful(inputs: Inputs) -> Mask:
    changes, share = np.stack(inputs.changes), float(inputs.shared.get("select_topk", 1.0))
    variance = changes.var(0)
    ordered, count = np.sort(variance, axis=None)[::-1], int(np.count_nonzero(variance) * share)
    found = undecided(changes)
    return found | near(variance, ordered[count - 1]) if share < 1 and count else found


def arcee_fusion(inputs: Inputs) -> Floats:
    importance, threshold = _importance(inputs)
    return inputs.origin + inputs.changes[0] * (importance >= threshold)


def _importance(inputs: Inputs) -> tuple[Floats, float]:
    p, q = softmax(inputs.models[0]) + 1e-8, softmax(inputs.origin) + 1e-8
    importance = np.abs(inputs.changes[0]) * (p * np.log(p / q)).sum(-1, keepdims=True)
    ordered = np.sort(importance, axis=None)
    low, middle, high = (ordered[int(part * (ordered.size - 1))] for part in (0.25, 0.5, 0.75))
    return importance, float(middle + 1.5 * (high - low))


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
    "model_stock": model_stock,
    "sce": sce,
    "arcee_fusion": arcee_fusion,
    "nearswap": nearswap,
    "ram": ram,
    "ramplus_tl": ramplus_tl,
    "passthrough": passthrough,
    **parity_task_vectors.METHODS,
}


def _ram(inputs: Inputs, strengths: Sequence[float]) -> Floats:
    changes = np.stack(inputs.changes)
    moved = np.abs(changes) > float(inputs.shared.get("epsilon", 1e-5))
    count = moved.sum(0)
    alone = add(strengths, changes * moved * (count == 1))
    together: Floats = (changes * moved * (count > 1)).sum(0) / np.maximum(count, 1)
    return inputs.origin + alone + together


def _arc(a: Floats, b: Floats, t: float, angle: Any) -> Floats:
    """The ends themselves, not their directions, go into the sum."""
    sine = np.sin(angle)
    straight = sine <= 1e-8
    safe = np.where(straight, 1, sine)
    bent = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / safe
    return np.where(straight, (1 - t) * a + t * b, bent)
