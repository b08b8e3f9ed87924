"""Select, calculate, erase: Wan et al., "FuseChat", arXiv 2408.07990, section 3.3.

Selects the entries that vary most between the models, calculates each model's weight from the
energy of what it changed there, and erases the changes against the majority's sign.
"""

from collections.abc import Callable

import numpy as np

from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors
from alloyengine.merge.gram import differences, dot
from alloyengine.merge.selection import NOTHING, Cut, cuts

_NO_ENERGY, _NO_WEIGHT = 1e-6, 1e-6

Selected = tuple[Cut | None, list[float]]


def measure(tensors: Tensors, settings: Settings) -> Selected:
    """What is selected (None: everything), and the models' weights."""
    share = settings.shared["select_topk"]
    cut = _selection(tensors, share) if share < 1 else None

    def energies(block: Block) -> list[float]:
        deltas = _selected(block, cut)
        return [dot(delta, delta, block.xp) for delta in deltas]

    sums = np.sum(tensors.each(energies), axis=0, dtype=np.float64)
    means = sums / max(1, tensors.shape[0] * tensors.shape[1])
    if means.sum() < _NO_ENERGY:
        return cut, [1 / len(means)] * len(means)
    return cut, [float(mean) for mean in means / means.sum()]


def _selection(tensors: Tensors, share: float) -> Cut:
    counts = tensors.each(lambda block: _count(_variance(differences(block)), block))
    wanted = int(sum(counts) * share)
    score: Callable[[Block], list[Array]] = lambda block: [_variance(differences(block))]
    return cuts(tensors, score, [wanted])[0] if wanted else NOTHING


def _count(values: Array, block: Block) -> int:
    return int(block.xp.count_nonzero(values))


def _variance(deltas: list[Array]) -> Array:
    """Between the models, entry by entry."""
    mean = sum(deltas[1:], start=deltas[0] + 0)
    mean /= len(deltas)
    total = None
    for delta in deltas:
        off = delta - mean
        off *= off
        total = off if total is None else total.__iadd__(off)
    total /= len(deltas)
    return total


def _selected(block: Block, cut: Cut | None) -> list[Array]:
    deltas = differences(block)
    if cut is not None:
        kept = cut.largest(_variance(deltas), block.row, block.xp)
        for delta in deltas:
            delta *= kept
    return deltas


def combine(block: Block, settings: Settings, selected: Selected) -> Array:
    cut, weights = selected
    base, deltas = block.arrays[0], _selected(block, cut)
    positive = sum(deltas[1:], start=deltas[0] + 0) >= 0
    total, divisor = None, None
    for delta, weight in zip(deltas, weights, strict=True):
        agrees = (delta > 0) == positive
        agrees &= delta != 0
        share = agrees * block.xp.ones_like(delta[:1, :1]) * weight
        delta *= share
        total = delta if total is None else total.__iadd__(delta)
        divisor = share if divisor is None else divisor.__iadd__(share)
    total /= divisor.clip(_NO_WEIGHT, None)
    base += total
    return base


METHOD = Method("sce", combine, measure)
