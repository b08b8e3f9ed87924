"""Adds what each model learned (its task vector: model minus base) to the base.

Ilharco et al., arXiv 2212.04089.
"""

from alloyengine.merge.declare import Array, Block, Method, Settings
from alloyengine.merge.gram import divided, moved


def combine(block: Block, settings: Settings, _: None) -> Array:
    """base + λ Σ wᵢ(xᵢ - base), the sum divided by Σ wᵢ when `normalize` is on."""
    weights = divided(settings.each("weight"), settings.shared["normalize"])
    return moved(block.arrays, [weight * settings.shared["lambda"] for weight in weights])


METHOD = Method("task_arithmetic", combine)
