"""Adds what each model learned (its task vector: model minus base) to the base."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alloyengine.merge.declare import Method, Settings
from alloyengine.spec.methods import PARAMETERS

if TYPE_CHECKING:
    import torch


def combine(tensors: "Sequence[torch.Tensor]", settings: Settings) -> "torch.Tensor":
    """base + λ Σ wᵢ(xᵢ - base), the sum divided by Σ wᵢ when `normalize` is on."""
    base, *others = tensors
    weights = settings.each("weight")
    change = base.new_zeros(base.shape)
    for tensor, weight in zip(others, weights, strict=True):
        change.add_(tensor - base, alpha=weight)
    divisor = sum(weights) if settings.shared["normalize"] else 1.0
    return change.mul_(settings.shared["lambda"] / (divisor or 1.0)).add_(base)


METHOD = Method(
    name="task_arithmetic",
    combine=combine,
    parameters=PARAMETERS["task_arithmetic"],
    has_base=True,
    elementwise=True,
    paper="https://arxiv.org/abs/2212.04089",
)
