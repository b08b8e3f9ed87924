"""Walks from the base to the other model along the arc between their directions."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from alloyengine.merge.declare import Method, Settings
from alloyengine.spec.methods import PARAMETERS

if TYPE_CHECKING:
    import torch

_NEARLY_PARALLEL = 0.9995


def combine(tensors: "Sequence[torch.Tensor]", settings: Settings) -> "torch.Tensor":
    """t = 0 is the base, t = 1 the other; a straight line when the two are nearly parallel.

    The angle is that of the whole tensors, flattened; lengths are not normalised away.
    """
    base, other = tensors
    t = settings.shared["t"]
    cosine = _cosine(base, other)
    if abs(cosine) > _NEARLY_PARALLEL:
        return base.lerp(other, t)
    angle = math.acos(cosine)
    start, end = (math.sin(part * angle) / math.sin(angle) for part in (1 - t, t))
    return (base * start).add_(other, alpha=end)


def _cosine(a: "torch.Tensor", b: "torch.Tensor") -> float:
    """1 where a tensor is all zeros: it has no direction, so a straight line is right."""
    lengths = float(a.norm()) * float(b.norm())
    return float(a.flatten().dot(b.flatten())) / lengths if lengths else 1.0


METHOD = Method(
    name="slerp",
    combine=combine,
    parameters=PARAMETERS["slerp"],
    has_base=True,
    elementwise=False,
    paper="https://doi.org/10.1145/325165.325242",
)
