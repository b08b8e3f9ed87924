"""Task vectors thinned out, weighed, and added to the base: TIES, DARE, breadcrumbs, DELLA.

One skeleton: take each model's change to the base, thin it out (see `sparsify`), weigh it; drop
the entries that disagree with the majority's sign, if the method asks for consensus; add up, divide
by the weights that took part, if `normalize`; times lambda; plus base.
"""

from alloyengine.merge.consensus import agreeing, never_zero, total_of
from alloyengine.merge.declare import Array, Block, Method, Settings
from alloyengine.merge.gram import divided
from alloyengine.merge.sparsify import (
    Sparse,
    Sparsify,
    at_random,
    by_magnitude,
    by_rank,
    without_outliers,
)
from alloyengine.spec.methods import MergeMethod

_THINNED_BY = ("density", "gamma", "epsilon", "rescale")


def add_up(block: Block, settings: Settings, sparse: Sparse) -> Array:
    """base + λ Σ wᵢδᵢ, the sum divided by Σ wᵢ when `normalize` is on."""
    weights = divided(settings.each("weight"), settings.shared["normalize"])
    base, scale = block.arrays[0], settings.shared["lambda"]
    total, *others = sparse.apply(block, [weight * scale for weight in weights])
    for change in others:
        total += change
    base += total
    return base


def by_consensus(block: Block, settings: Settings, sparse: Sparse) -> Array:
    """As `add_up`, of the entries alone that have the sign of the weighted sum (a sum of 0 counts
    as positive); `normalize` divides by the weights of those.
    """
    weights = settings.each("weight")
    base, changes = block.arrays[0], sparse.apply(block, weights)
    shares = weights if settings.shared["normalize"] else None
    total, divisor = agreeing(changes, total_of(changes), shares, block.xp)
    if divisor is not None:
        total /= never_zero(divisor, weights)
    if settings.shared["lambda"] != 1:
        total *= settings.shared["lambda"]
    base += total
    return base


def _method(name: MergeMethod, sparsify: Sparsify, consensus: bool) -> Method:
    return Method(name, by_consensus if consensus else add_up, sparsify, reads=_THINNED_BY)


METHODS = (
    _method("ties", by_magnitude, consensus=True),
    _method("dare_ties", at_random, consensus=True),
    _method("dare_linear", at_random, consensus=False),
    _method("breadcrumbs", without_outliers, consensus=False),
    _method("breadcrumbs_ties", without_outliers, consensus=True),
    _method("della", by_rank, consensus=True),
    _method("della_linear", by_rank, consensus=False),
)
