"""Pulls the base towards the other model where the two are already near.

Alchemonaut, QuartetAnemoi-70B-t0.0001 (huggingface.co).
"""

from alloyengine.merge.declare import Array, Block, Method, Settings

_NEAREST = 1e-6


def combine(block: Block, settings: Settings, _: None) -> Array:
    """w·other + (1 - w)·base with w = t / |base - other|, from 0 to 1."""
    base, other = block.arrays
    other -= base
    distance = abs(other)
    weight = settings.shared["t"] / distance.clip(_NEAREST, None)
    other *= weight.clip(0, 1)
    base += other
    return base


METHOD = Method("nearswap", combine)
