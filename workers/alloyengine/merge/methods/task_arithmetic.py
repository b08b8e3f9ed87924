"""Adds what each model learned (its task vector: model minus base) to the base.

Ilharco et al., arXiv 2212.04089.
"""

from alloyengine.merge.declare import Settings
from alloyengine.merge.gram import blend, divided, from_first


def weights(settings: Settings, _: None) -> list[float]:
    """base + λ Σ wᵢ(xᵢ - base), the sum divided by Σ wᵢ when `normalize` is on."""
    found = divided(settings.each("weight"), settings.shared["normalize"])
    return from_first([weight * settings.shared["lambda"] for weight in found])


METHOD = blend("task_arithmetic", weights)
