"""Reinforced agent merging: changes that one model alone made stay whole, shared ones are averaged.

arXiv 2601.13572; `ramplus_tl` is its variant that strengthens unique changes, tensor by tensor.
"""

from collections.abc import Sequence

import numpy as np

from alloyengine.merge.consensus import floats, total_of
from alloyengine.merge.declare import Array, Block, Method, Settings, Tensors
from alloyengine.merge.gram import differences, summed


def _moved(block: Block, settings: Settings) -> tuple[list[Array], list[Array], Array]:
    """The changes, where each is more than nothing, and how many models changed an entry."""
    deltas = differences(block)
    masks = [abs(delta) > settings.shared["epsilon"] for delta in deltas]
    return deltas, masks, total_of([floats(mask, block.xp) for mask in masks])


def _strengths(tensors: Tensors, settings: Settings) -> list[float]:
    """What to multiply each model's unique changes by: 1 + r · clip(shared / unique, 0, alpha)."""

    def look(block: Block) -> list[tuple[int, int]]:
        _, masks, count = _moved(block, settings)
        alone, number = count == 1, block.xp.count_nonzero
        unique = [int(number(mask & alone)) for mask in masks]
        return [(int(number(m)) - u, u) for m, u in zip(masks, unique, strict=True)]

    counts = summed(tensors.each(look))
    shared, unique = counts[:, 0], np.maximum(counts[:, 1], settings.shared["epsilon"])
    ratio = np.clip(shared / unique, 0, settings.shared["alpha"])
    return [float(strength) for strength in 1 + settings.shared["r"] * ratio]


def _combine(block: Block, settings: Settings, strengths: Sequence[float] | None) -> Array:
    """base + Σ δᵢ / how many changed the entry, of the changes that are more than nothing."""
    base = block.arrays[0]
    deltas, masks, count = _moved(block, settings)
    unique = floats(count == 1, block.xp) if strengths else None
    for number, (delta, mask) in enumerate(zip(deltas, masks, strict=True)):
        delta *= mask
        if strengths and unique is not None:
            delta *= unique * (strengths[number] - 1) + 1
    total = total_of(deltas)
    total /= count.clip(1, len(deltas))
    base += total
    return base


METHODS = (Method("ram", _combine), Method("ramplus_tl", _combine, _strengths))
