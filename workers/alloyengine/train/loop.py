"""The training loop."""

import math
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alloyengine.errors import InputError, Stopped
from alloyengine.loading import is_fast
from alloyengine.report import Reporter
from alloyengine.spec.train import TrainSpec
from alloyengine.train.batches import Part, parts
from alloyengine.train.encode import IGNORED, Example

PHASE = "Training"
LONGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Fitted:
    """What came out of it. The loss is the mean of the last steps."""

    steps: int
    tokens: int
    loss: float


def fit(
    model: Any,
    trained: Sequence[torch.nn.Parameter],
    data: Iterable[list[Example]],
    steps: int,
    spec: TrainSpec,
    report: Reporter,
) -> Fitted:
    """Trains in place: one optimiser step for each of the first `steps` batches."""
    optimiser = torch.optim.AdamW(
        trained, lr=spec.learning_rate, weight_decay=spec.weight_decay, fused=True
    )
    tokens, recent = 0, deque[float](maxlen=10)
    model.train()
    for step, batch in zip(range(1, steps + 1), data, strict=False):
        if report.stopping():
            raise Stopped("stopped", f"Training was stopped before step {step}.")
        begun = time.perf_counter()
        rate = spec.learning_rate * schedule(step, steps, spec.warmup_ratio)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss = backward(model, batch)
        _check("loss", loss, step, spec)
        norm = torch.nn.utils.clip_grad_norm_(trained, LONGEST_GRADIENT)
        _check("gradient", float(norm), step, spec)
        optimiser.step()
        recent.append(loss)
        size = sum(len(example.tokens) for example in batch)
        tokens += size
        report.metric("loss", step, loss)
        report.metric("learning_rate", step, rate)
        report.metric("tokens_per_second", step, size / (time.perf_counter() - begun))
        report.progress(PHASE, step, steps)
    return Fitted(steps, tokens, sum(recent) / len(recent))


def schedule(step: int, steps: int, warmup_ratio: float) -> float:
    """Share of the full learning rate at `step` (from 1): up in a line, then down to nearly 0."""
    warmup = max(1, round(steps * warmup_ratio))
    if step <= warmup:
        return step / warmup
    return (steps - step + 1) / (steps - warmup + 1)


def backward(model: Any, batch: Sequence[Example]) -> float:
    """Adds the gradients of the batch's mean loss over its learned tokens; returns that loss."""
    learned = sum(target != IGNORED for item in batch for target in item.targets[1:])
    total = 0.0
    for part in parts(batch, pad=0, share=_looks_back(model)):
        loss = _loss_sum(model, part) / learned
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def _looks_back(model: Any) -> bool:
    """Whether every layer attends to all that came before, as sharing a prefix takes for granted.

    Sliding windows would cut the prefix off; layers with a state of their own keep none of it.
    """
    kinds = set(getattr(model.config, "layer_types", None) or ["full_attention"])
    windowed = getattr(model.config, "sliding_window", None) is not None
    attends = hasattr(model.config, "num_attention_heads") and model._supports_sdpa
    return attends and kinds == {"full_attention"} and not windowed


def _loss_sum(model: Any, part: Part) -> Tensor:
    """Summed cross entropy. The vocabulary is large: logits are made only where one is learned."""
    device = model.device
    columns = (part.following != IGNORED).any(dim=0).nonzero().squeeze(1)
    wanted = part.following[:, columns].to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_fast("bfloat16")):
        before = _prefix(model, part) if len(part.prefix) else {"use_cache": False}
        answer = model(
            input_ids=part.tokens.to(device), logits_to_keep=columns.to(device), **before
        )
    learned = wanted != IGNORED
    return cross_entropy(answer.logits[learned].float(), wanted[learned], reduction="sum")


def _prefix(model: Any, part: Part) -> dict[str, Any]:
    """Keys and values of the shared prefix, computed once; gradients flow back through them."""
    tokens = part.prefix[None].to(model.device)
    past = model(input_ids=tokens, use_cache=True, logits_to_keep=1).past_key_values
    past.batch_repeat_interleave(len(part.tokens))
    return {"past_key_values": past, "use_cache": True}


def _check(name: str, value: float, step: int, spec: TrainSpec) -> None:
    if not math.isfinite(value):
        raise InputError(
            "training_diverged",
            f"The {name} became {value} at step {step}.",
            f"Lower learning_rate (now {spec.learning_rate:g}) or raise warmup_ratio.",
        )
