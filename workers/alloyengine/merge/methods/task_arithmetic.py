"""Adds what each model learned (its task vector: model minus base) to the base.

Ilharco et al., arXiv 2212.04089.
"""

from alloyengine.merge.declare import Array, Block, Method, Settings
from alloyengine.merge.gram import moved


def combine(block: Block, settings: Settings, _: None) -> Array:
    """base + λ Σ wᵢ(xᵢ - base), the sum divided by Σ wᵢ when `normalize` is on."""
    weights = settings.each("weight")
    divisor = sum(weights) if settings.shared["normalize"] else 1.0
    scale = settings.shared["lambda"] / (divisor if abs(divisor) >= 1e-8 else 1.0)
    return moved(block.arrays, [weight * scale for weight in weights])


METHOD = Method("task_arithmetic", combine)
