"""Weighted average ("model soup"): Wortsman et al., arXiv 2203.05482."""

from alloyengine.merge.declare import Settings
from alloyengine.merge.gram import blend, divided


def weights(settings: Settings, _: None) -> list[float]:
    """Σ wᵢxᵢ, divided by Σ wᵢ when `normalize` is on and the sum is not 0."""
    return divided(settings.each("weight"), settings.shared["normalize"])


METHOD = blend("linear", weights)
