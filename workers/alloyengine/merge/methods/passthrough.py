"""One model's tensor, as it is or scaled: for stacking layers of several models."""

from alloyengine.merge.declare import Array, Block, Method, Settings


def combine(block: Block, settings: Settings, _: None) -> Array:
    """x, times `scale` if that is given."""
    (array,) = block.arrays
    array *= settings.own[0].get("scale", 1.0)
    return array


METHOD = Method("passthrough", combine)
