"""Attention of packed documents: each among its own tokens, and nothing computed between them.

A mask over the whole sequence gives the same numbers, but every token pays for all the others: of
sequences of 2,048 tokens with ten documents each, a tenth of that work is of any use.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import pairwise, starmap
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from alloyengine.train import attention

_NAME = "alloyworks_documents"
_USUAL = "sdpa"
_starts: ContextVar[Sequence[Sequence[int]]] = ContextVar("starts")


@contextmanager
def documents_apart(model: Any, positions: Tensor | None) -> Iterator[bool]:
    """While it lasts, the model attends within documents only; `positions` [examples, tokens] begin anew
    with each; None where nothing is packed, or where the model must be told by a mask. False for a model
    of another kind of attention, too.
    """
    config = model.config
    if positions is None or getattr(config, "_attn_implementation", "") != _USUAL:
        yield False
        return
    _register()
    token = _starts.set([_starts_of(row) for row in positions.tolist()])
    config._attn_implementation = _NAME
    try:
        yield True
    finally:
        config._attn_implementation = _USUAL
        _starts.reset(token)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_more: Any,
) -> tuple[Tensor, None]:
    """As transformers calls it: [examples, heads, tokens, width] in, [examples, tokens, heads, width] out."""
    rows = []
    for row, starts in enumerate(_starts.get()):
        found = []
        for part in starmap(slice, pairwise([*starts, query.shape[2]])):
            ours, keys, values = (each[row : row + 1, :, part] for each in (query, key, value))
            found.append(_within(ours, keys, values, scaling, dropout))
        rows.append(torch.cat(found, dim=2))
    return torch.cat(rows).transpose(1, 2).contiguous(), None


def _within(
    query: Tensor, key: Tensor, value: Tensor, scaling: float | None, dropout: float
) -> Tensor:
    """Of one document, as `attend` is given it."""
    if attention.suits(query, dropout):
        return attention.attend(query, key, value, scaling)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    return scaled_dot_product_attention(
        query, key, value, dropout_p=dropout, scale=scaling, is_causal=True
    )


def _starts_of(positions: Sequence[int]) -> list[int]:
    return [place for place, position in enumerate(positions) if position == 0]


@cache
def _register() -> None:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    AttentionInterface.register(_NAME, attend)
    AttentionMaskInterface.register(_NAME, _no_mask)


def _no_mask(*_: Any, **__: Any) -> None:
    """Nothing is between documents to be masked."""
