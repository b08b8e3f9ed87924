"""Weighted average ("model soup")."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alloyengine.merge.declare import Method, Settings
from alloyengine.spec.methods import PARAMETERS

if TYPE_CHECKING:
    import torch


def combine(tensors: "Sequence[torch.Tensor]", settings: Settings) -> "torch.Tensor":
    """Σ wᵢxᵢ, divided by Σ wᵢ when `normalize` is on and the sum is not 0."""
    weights = settings.each("weight")
    total = tensors[0] * weights[0]
    for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
        total.add_(tensor, alpha=weight)
    divisor = sum(weights)
    return total.div_(divisor) if settings.shared["normalize"] and divisor else total


METHOD = Method(
    name="linear",
    combine=combine,
    parameters=PARAMETERS["linear"],
    has_base=False,
    elementwise=True,
    paper="https://arxiv.org/abs/2203.05482",
)
