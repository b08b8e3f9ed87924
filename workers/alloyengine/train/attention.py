"""Causal attention of short sequences in bfloat16 on a CPU, by matrix products.

Torch's own takes up to four times as long as the products that it is made of, most of it in the backward
pass. As much is kept for that pass as by torch, since the weights of attention are computed a second time
(Dao et al. 2022, "FlashAttention", section 3.1); but all weights of a sequence are held at once, and what lies
above the diagonal is computed too, so it is for short ones. In float32 torch's way is the faster one.
"""

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

LONGEST = 512  # tokens, from where on torch's way is as fast


def suits(query: Tensor, dropout: float) -> bool:
    """Whether `attend` can take torch's place, and is faster."""
    able = query.device.type == "cpu" and _made_in(query) == torch.bfloat16 and not dropout
    return able and query.shape[2] <= LONGEST


def attend(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """Each token looks at itself and those before it; at most LONGEST of them.

    Query [1, heads, tokens, width]; key and value [1, groups, tokens, width], a group for several heads
    each. Returns [1, heads, tokens, width], and as torch's does in autocast's type where that is on.
    Scores are float32.
    """
    dtype = _made_in(query)
    query, key, value = (each.to(dtype) for each in (query, key, value))
    groups, tokens, width = key.shape[1:]
    factor = 1 / math.sqrt(width) if scale is None else scale
    # The heads of a group lie one below the other: they share the key, and add to its gradient.
    stacked = query.reshape(groups, -1, width)
    found: Tensor = _Attention.apply(stacked, key[0], value[0], factor)  # type: ignore[no-untyped-call]
    return found.view(1, -1, tokens, width)


def _made_in(query: Tensor) -> torch.dtype:
    """The type of the products."""
    kind = query.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.scale = scale
        return torch.bmm(_weights(query, key, scale).to(value.dtype), value)

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value = ctx.saved_tensors
        weights = _weights(query, key, ctx.scale)
        for_value = torch.bmm(weights.to(value.dtype).transpose(1, 2), above)
        for_weights = torch.bmm(above, value.transpose(1, 2)).float()
        share = (weights * for_weights).sum(-1, keepdim=True)
        for_scores = for_weights.sub_(share).mul_(weights).mul_(ctx.scale).to(query.dtype)
        return (
            torch.bmm(for_scores, key),
            torch.bmm(for_scores.transpose(1, 2), query),
            for_value,
            None,
        )


def _weights(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Float32 [groups, heads of a group × tokens, tokens]."""
    tokens = key.shape[1]
    with torch.autocast("cpu", enabled=False):
        unseen = _unseen()[:tokens, :tokens].repeat(query.shape[1] // tokens, 1)
        scores = torch.baddbmm(
            unseen, query.float(), key.float().transpose(1, 2), beta=1, alpha=scale
        )
    return torch.softmax(scores, -1)


@cache
def _unseen() -> Tensor:
    """Minus infinity for what comes later, float32 [LONGEST, LONGEST]."""
    return torch.full((LONGEST, LONGEST), float("-inf")).triu(1)
