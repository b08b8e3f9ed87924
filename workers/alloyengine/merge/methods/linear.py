"""Weighted average ("model soup"): Wortsman et al., arXiv 2203.05482."""

from alloyengine.merge.declare import Array, Block, Method, Settings
from alloyengine.merge.gram import divided, weighted_sum


def combine(block: Block, settings: Settings, _: None) -> Array:
    """Σ wᵢxᵢ, divided by Σ wᵢ when `normalize` is on and the sum is not 0."""
    weights = divided(settings.each("weight"), settings.shared["normalize"])
    return weighted_sum(block.arrays, weights)


METHOD = Method("linear", combine)
