"""Experts that are used evenly: the load-balancing loss of models with routers.

Fedus et al., "Switch Transformers", arXiv 2101.03961, equations 4 to 6, as transformers has it: over all layers
together, and of the experts that are asked. Without it a router soon sends everything to the few experts that
learned first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from alloyengine.train.batches import Part
from alloyengine.train.encode import IGNORED


def balance_weight(model: Any) -> float:
    """How much the model's config gives for balance; 0 of a model without routers that can be heard."""
    weight = getattr(model.config, "router_aux_loss_coef", None) or 0.0
    return float(weight) if weight and _routers(model) else 0.0


@contextmanager
def heard(model: Any) -> Iterator[list[Tensor]]:
    """While it lasts, what every router says is kept: logits [tokens, experts], one after the other."""
    logits: list[Tensor] = []
    hooks = [
        router.register_forward_hook(lambda _, __, said, at=at: logits.append(said[at]))
        for router, at in _routers(model)
    ]
    try:
        yield logits
    finally:
        for hook in hooks:
            hook.remove()


def unevenness(logits: Sequence[Tensor], asked: int, tokens: Tensor) -> Tensor:
    """Of routers that ask so many experts for each token: a scalar, `asked` when all are used alike, up
    to the number of experts as some are used more. `tokens` [examples, places] tells them from padding; what routers said of other
    things, such as a prefix that is passed alone, has no padding.
    """
    real = tokens.reshape(-1).to(logits[0].device)
    counts = torch.zeros(logits[0].shape[-1], device=real.device)
    chances, rows = torch.zeros_like(counts), 0
    for said in logits:
        kept = said[real] if len(said) == len(real) else said
        share = kept.float().softmax(dim=-1)
        chosen = share.topk(asked, dim=-1).indices.reshape(-1)
        counts = counts + torch.bincount(chosen, minlength=len(counts))
        chances = chances + share.sum(dim=0)
        rows += len(kept)
    return len(counts) * (counts / rows * (chances / rows)).sum()


def tokens_of(part: Part) -> Tensor:
    """Which places of a part are tokens: all up to the last that is learned. [examples, places]"""
    learned = part.following != IGNORED
    return learned.flip(1).cumsum(1).flip(1) > 0


def _routers(model: Any) -> list[tuple[torch.nn.Module, int]]:
    """Its routers, and where in what they return the logits are: transformers notes it for each model."""
    noted = (getattr(model, "_can_record_outputs", None) or {}).get("router_logits")
    kind = getattr(noted, "target_class", noted)
    if kind is None:
        return []
    at = getattr(noted, "index", 0)
    return [(module, at) for module in model.modules() if isinstance(module, kind)]
