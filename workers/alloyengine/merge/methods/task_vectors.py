"""Task vectors thinned out, weighed, and added to the base: TIES, DARE, breadcrumbs, DELLA.

One skeleton: take each model's change to the base, thin it out (see `sparsify`), weigh it; drop
the entries that disagree with the majority's sign, if the method asks for consensus; add up, divide
by the weights that took part, if `normalize`; times lambda; plus base.
"""

from functools import partial

from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors
from alloyengine.merge.gram import weighted_sum
from alloyengine.merge.sparsify import (
    Sparse,
    Sparsify,
    at_random,
    by_magnitude,
    by_rank,
    without_outliers,
)
from alloyengine.spec.methods import MergeMethod


def _measure(sparsify: Sparsify, tensors: Tensors, settings: Settings) -> Sparse:
    return sparsify(tensors, settings)


def add_up(block: Block, settings: Settings, sparse: Sparse) -> Array:
    """base + λ Σ wᵢδᵢ, the sum divided by Σ wᵢ when `normalize` is on."""
    weights = settings.each("weight")
    divisor = sum(weights) if settings.shared["normalize"] else 1.0
    scale = settings.shared["lambda"] / (divisor if abs(divisor) >= 1e-8 else 1.0)
    base = block.arrays[0]
    base += weighted_sum(sparse.apply(block), [weight * scale for weight in weights])
    return base


def by_consensus(block: Block, settings: Settings, sparse: Sparse) -> Array:
    """As `add_up`, of the entries alone that have the sign of the weighted sum (a sum of 0 counts
    as positive); `normalize` divides by the weights of those.
    """
    weights = settings.each("weight")
    base, deltas = block.arrays[0], sparse.apply(block)
    for delta, weight in zip(deltas, weights, strict=True):
        delta *= weight
    positive = sum(deltas[1:], start=deltas[0] + 0) >= 0
    total, divisor = None, None
    for delta, weight in zip(deltas, weights, strict=True):
        agrees = _same_sign(delta, positive)
        delta *= agrees
        total = delta if total is None else total.__iadd__(delta)
        share = (
            agrees * block.xp.float32(weight) if block.xp.__name__ == "numpy" else agrees * weight
        )
        divisor = share if divisor is None else divisor.__iadd__(share)
    if settings.shared["normalize"]:
        divisor += divisor == 0
        total /= divisor
    if settings.shared["lambda"] != 1:
        total *= settings.shared["lambda"]
    base += total
    return base


def _same_sign(delta: Array, positive: Array) -> Array:
    """An entry of 0 agrees with nobody."""
    agrees = (delta > 0) == positive
    agrees &= delta != 0
    return agrees


def _method(name: MergeMethod, sparsify: Sparsify, consensus: bool) -> Method:
    return Method(name, by_consensus if consensus else add_up, partial(_measure, sparsify))


METHODS = (
    _method("ties", by_magnitude, consensus=True),
    _method("dare_ties", at_random, consensus=True),
    _method("dare_linear", at_random, consensus=False),
    _method("breadcrumbs", without_outliers, consensus=False),
    _method("breadcrumbs_ties", without_outliers, consensus=True),
    _method("della", by_rank, consensus=True),
    _method("della_linear", by_rank, consensus=False),
)
