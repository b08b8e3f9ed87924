"""Weighted average ("model soup"): Wortsman et al., arXiv 2203.05482."""

from alloyengine.merge.declare import Array, Block, Method, Settings
from alloyengine.merge.gram import weighted_sum


def combine(block: Block, settings: Settings, _: None) -> Array:
    """Σ wᵢxᵢ, divided by Σ wᵢ when `normalize` is on and the sum is not 0."""
    weights = settings.each("weight")
    divisor = sum(weights) if settings.shared["normalize"] else 1.0
    return weighted_sum(block.arrays, [weight / (divisor or 1.0) for weight in weights])


METHOD = Method("linear", combine)
