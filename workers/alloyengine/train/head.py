"""The loss of next tokens from the last hidden states, without ever holding all logits.

A vocabulary is large: of 8,192 places over 128,256 tokens the logits take 4.2 GB in float32, and their
gradient as much again. Here a few places at a time are multiplied by the head, turned into their loss
and its gradient, and forgotten (as in Hsu et al., Liger Kernel, arXiv 2410.10989, section 3.2).
"""

from typing import Any

import torch
from torch import Tensor

from alloyengine.train.parallel.shard import is_sharded

_BYTES = 1 << 26  # of logits at once
_TRIED = 8  # tokens
_CLOSE = 1e-3  # of the largest logit


def plain_head(model: Any) -> torch.nn.Linear | None:
    """The output head of a model whose logits are its product with the last hidden states, and nothing
    else; None of any other, such as one that caps or scales them, and of a sharded one.

    No table of architectures: both ways are tried on a few tokens.
    """
    head = model.get_output_embeddings()
    if type(head) is not torch.nn.Linear or model.base_model is model or is_sharded(model):
        return None
    tokens = torch.arange(_TRIED, device=model.device)[None]
    with torch.no_grad():
        theirs = model(input_ids=tokens, use_cache=False).logits
        ours = head(hidden_states(model, input_ids=tokens, use_cache=False))
    same = ours.shape == theirs.shape and _differs(ours, theirs) <= _CLOSE
    return head if same else None


def hidden_states(model: Any, **given: Any) -> Tensor:
    """What the head is given: [examples, places, width]."""
    states: Tensor = model.base_model(**given).last_hidden_state
    return states


def summed_loss(states: Tensor, head: torch.nn.Linear, wanted: Tensor) -> Tensor:
    """Cross entropy in float32, summed: of `states` [places, width], whose next tokens are `wanted`
    [places]. Under autocast the products are made in its type.
    """
    kind = states.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
    learns = torch.is_grad_enabled()
    total: Tensor = _SummedLoss.apply(states, head.weight, head.bias, wanted, dtype, learns)  # type: ignore[no-untyped-call]
    return total


class _SummedLoss(torch.autograd.Function):
    """Loss and gradients in one go; `backward` only scales what `forward` has found."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        wanted: Tensor,
        dtype: torch.dtype,
        learns: bool,
    ) -> Tensor:
        needed = [learns and need for need in ctx.needs_input_grad[:3]]
        gradients = [
            torch.zeros_like(tensor, dtype=torch.float32) if need and tensor is not None else None
            for tensor, need in zip((states, weight, bias), needed, strict=True)
        ]
        total = states.new_zeros((), dtype=torch.float32)
        matrix = weight.to(dtype)
        rows = max(1, _BYTES // (4 * len(weight)))
        with torch.autocast(states.device.type, enabled=False):
            for start in range(0, len(states), rows):
                part = slice(start, start + rows)
                total += _one(states[part].to(dtype), matrix, bias, wanted[part], gradients, part)
        ctx.types = [
            tensor.dtype if tensor is not None else None for tensor in (states, weight, bias)
        ]
        ctx.save_for_backward(*gradients)
        return total

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> Any:
        found = [
            gradient.mul_(given).to(dtype) if gradient is not None else None
            for gradient, dtype in zip(ctx.saved_tensors, ctx.types, strict=True)
        ]
        return *found, None, None, None


def _one(
    states: Tensor,
    matrix: Tensor,
    bias: Tensor | None,
    wanted: Tensor,
    gradients: list[Tensor | None],
    part: slice,
) -> Tensor:
    """The loss of some places; adds to the gradients. The logits become their own gradient."""
    logits = (states @ matrix.T).float()
    if bias is not None:
        logits += bias
    of_states, of_weight, of_bias = gradients
    places = torch.arange(len(wanted), device=wanted.device)
    logits -= logits.amax(dim=1, keepdim=True)
    chosen = logits[places, wanted]
    sums = logits.exp_().sum(dim=1)
    loss = (sums.log() - chosen).sum()
    if of_states is None and of_weight is None and of_bias is None:
        return loss
    logits /= sums[:, None]
    logits[places, wanted] -= 1
    gradient = logits.to(matrix.dtype)
    if of_states is not None:
        of_states[part] = gradient @ matrix
    if of_weight is not None:
        if of_weight.dtype == gradient.dtype:
            of_weight.addmm_(gradient.T, states)
        else:
            of_weight += gradient.T @ states
    if of_bias is not None:
        of_bias += logits.sum(dim=0)
    return loss


def _differs(ours: Tensor, theirs: Tensor) -> float:
    largest = theirs.float().abs().max().clamp(min=1e-6)
    return float((ours.float() - theirs.float()).abs().max() / largest)
