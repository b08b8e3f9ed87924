"""Select, calculate, erase: Wan et al., "FuseChat", arXiv 2408.07990, section 3.3.

Selects the entries that vary most between the models, calculates each model's weight from the
energy of what it changed there, and erases the changes against the majority's sign.
"""

from alloyengine.merge.consensus import agreeing, total_of
from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors
from alloyengine.merge.gram import differences, dot, summed
from alloyengine.merge.selection import NOTHING, Cut, Share, cuts

_NO_ENERGY, _NO_WEIGHT = 1e-6, 1e-6

Selected = tuple[Cut | None, list[float]]


def measure(tensors: Tensors, settings: Settings) -> Selected:
    """What is selected (None: everything), and the models' weights."""
    share = settings.shared["select_topk"]
    cut = _selection(tensors, share) if share < 1 else None

    def energies(block: Block) -> list[float]:
        deltas = _selected(block, cut)
        return [dot(delta, delta, block.xp) for delta in deltas]

    means = summed(tensors.each(energies)) / max(1, tensors.shape[0] * tensors.shape[1])
    if means.sum() < _NO_ENERGY:
        return cut, [1 / len(means)] * len(means)
    return cut, [float(mean) for mean in means / means.sum()]


def _selection(tensors: Tensors, share: float) -> Cut:
    """The largest `share` of the variances that are not 0."""
    if share <= 0:
        return NOTHING
    return cuts(tensors, lambda block: [_variance(block)], [Share(share)])[0]


def _variance(block: Block) -> Array:
    """Between the models, entry by entry, but for a factor; exactly 0 where all are equal."""
    first, *others = block.arrays[1:]
    if not others:
        return first * 0
    ways = [other - first for other in others]
    if len(ways) == 1:
        return ways[0] ** 2
    mean = total_of(ways)
    mean /= len(ways) + 1
    for way in ways:
        way -= mean
        way *= way
    mean *= mean
    return total_of([mean, *ways])


def _selected(block: Block, cut: Cut | None) -> list[Array]:
    if cut is None:
        return differences(block)
    kept = cut.largest(_variance(block), block.row, block.xp)
    deltas = differences(block)
    for delta in deltas:
        delta *= kept
    return deltas


def combine(block: Block, settings: Settings, selected: Selected) -> Array:
    cut, weights = selected
    base, changes = block.arrays[0], _selected(block, cut)
    sign_of = total_of(changes)
    for change, weight in zip(changes, weights, strict=True):
        change *= weight
    total, divisor = agreeing(changes, sign_of, weights, block.xp)
    if divisor is not None:
        total /= divisor.clip(_NO_WEIGHT, float("inf"))
    base += total
    return base


METHOD = Method("sce", combine, measure)
