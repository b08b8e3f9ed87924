"""Walks from the base to the other model along the arc between their directions.

Shoemake, "Animating rotation with quaternion curves", 1985, doi:10.1145/325165.325242.
"""

import math

from alloyengine.merge.declare import Settings, Tensors
from alloyengine.merge.gram import blend, gram

_NEARLY_PARALLEL = 0.9995
_SHORTEST = 1e-8  # a shorter tensor has no direction


def measure(tensors: Tensors, settings: Settings) -> tuple[float, float]:
    """The weights of base and other. t = 0 is the base, t = 1 the other; a straight line when the
    two are nearly parallel. The angle is that of the whole tensors; lengths stay as they are.
    """
    t = settings.shared["t"]
    products = gram(tensors)
    lengths = [length if length > _SHORTEST else 1.0 for length in products.diagonal() ** 0.5]
    return arc(float(products[0, 1] / (lengths[0] * lengths[1])), t)


def arc(cosine: float, t: float) -> tuple[float, float]:
    """The weights of two vectors, given the cosine of their angle, at `t` of the way."""
    if abs(cosine) > _NEARLY_PARALLEL:
        return 1 - t, t
    angle = math.acos(cosine)
    return math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)


METHOD = blend("slerp", lambda _, measured: measured, measure)
