"""A model's word on what follows each token of a part, where something is learned of it."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alloyengine.loading import is_fast
from alloyengine.train.batches import Part
from alloyengine.train.documents import documents_apart
from alloyengine.train.encode import IGNORED
from alloyengine.train.head import hidden_states, summed_loss
from alloyengine.train.parallel.shard import is_sharded


def learned_logits(model: Any, part: Part, **more: Any) -> tuple[Any, Tensor]:
    """The model's answer, whose `logits` are [examples, places, vocabulary], and the tokens wanted,
    [examples, places]: of the places alone where any example of the part learns something.

    The vocabulary is large: logits for all places would take most of the memory.
    """
    columns = (part.following != IGNORED).any(dim=0).nonzero().squeeze(1)
    wanted = part.following[:, columns].to(model.device)
    with _autocast(model), _apart(model, part):
        given = _given(model, part)
        answer = model(**given, logits_to_keep=columns.to(model.device), **more)
    return answer, wanted


def learned_loss(model: Any, part: Part, head: torch.nn.Linear | None) -> Tensor:
    """Cross entropy of all that is learned, summed; with a plain head its logits are never all there
    at once.
    """
    if head is None:
        answer, wanted = learned_logits(model, part)
        return token_losses(answer.logits, wanted).sum()
    learned = part.following != IGNORED
    with _autocast(model), _apart(model, part):
        states = hidden_states(model, **_given(model, part))[learned.to(model.device)]
        return summed_loss(states, head, part.following[learned].to(model.device))


def token_losses(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy, float32 [examples, places]; 0 where nothing is learned."""
    learned = wanted != IGNORED
    losses = torch.zeros(wanted.shape, dtype=torch.float32, device=logits.device)
    found = cross_entropy(logits[learned].float(), wanted[learned], reduction="none")
    return losses.masked_scatter(learned, found)


def looks_back(model: Any) -> bool:
    """Whether every layer attends to all that came before, as sharing a prefix takes for granted.

    Sliding windows would cut the prefix off; layers with a state of their own keep none of it. A
    sharded model is passed through once for each part, by every process alike.
    """
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = getattr(config, "sliding_window", None) is not None
    attends = hasattr(config, "num_attention_heads") and model._supports_sdpa
    recomputes = any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
    whole = not recomputes and not is_sharded(model)
    return attends and kinds == {"full_attention"} and not windowed and whole


def _autocast(model: Any) -> torch.autocast:
    kind = model.device.type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=is_fast("bfloat16"))


def _apart(model: Any, part: Part) -> AbstractContextManager[bool]:
    """Where activations are computed again later, the mask must tell documents apart."""
    return documents_apart(model, part.positions if looks_back(model) else None)


def _given(model: Any, part: Part) -> dict[str, Any]:
    """What the model is called with."""
    given: dict[str, Any] = {"use_cache": False}
    if len(part.prefix):
        given = _prefix(model, part)
    if part.positions is not None:
        given["position_ids"] = part.positions.to(model.device)
    return given | {"input_ids": part.tokens.to(model.device)}


def _prefix(model: Any, part: Part) -> dict[str, Any]:
    """Keys and values of the shared prefix, computed once; gradients flow back through them."""
    tokens = part.prefix[None].to(model.device)
    past = model(input_ids=tokens, use_cache=True, logits_to_keep=1).past_key_values
    past.batch_repeat_interleave(len(part.tokens))
    return {"past_key_values": past, "use_cache": True}
