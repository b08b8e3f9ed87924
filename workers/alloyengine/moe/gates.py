"""The first weights of the routers: a row for each expert, in every layer.

A token goes to the experts whose rows its state is most alike. `hidden` makes a row of the states that the
base has, where a layer begins, at the ends of the expert's prompts; `cheap_embed` of the embeddings of their
tokens, the same in all layers; both as mergekit-moe does. Random ones are to be trained.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from alloyengine.checkpoint.structure import Stack
from alloyengine.merge.members import Member
from alloyengine.moe.counter import Counter
from alloyengine.moe.kinds import Kind
from alloyengine.report import Reporter
from alloyengine.spec.moe import Expert, MoeRecipe

if TYPE_CHECKING:
    from torch import Tensor

    from alloyengine.moe.prompts import Batch, Ids

PHASE = "Reading prompts"
_SMALLEST = 1e-8  # a shorter vector has no direction
_TOO_ALIKE = 5.0  # condition number of a layer's router, from where experts are hardly told apart


@dataclass(frozen=True, eq=False)
class Gates:
    """float32."""

    routers: np.ndarray  # [layers, experts, width]
    shared: np.ndarray | None = None  # [layers, 1, width]: of the shared expert's own gate


def gates_of(recipe: MoeRecipe, base: Member, kind: Kind, stack: Stack, report: Reporter) -> Gates:
    """Raises InputError, Stopped."""
    experts = recipe.sources if kind.shared_gate else recipe.experts
    width = base.tensors[f"{stack.prefix}.0.{kind.mlp['gate']}"].shape[1]
    shape = stack.length, len(experts), width
    random = np.random.default_rng(recipe.seed)
    match recipe.gate_mode:
        case "random":
            rows = random.standard_normal(shape, dtype=np.float32)
        case "uniform_random":  # as torch begins with a linear layer
            bound = 1 / math.sqrt(width)
            rows = random.uniform(-bound, bound, shape).astype(np.float32)
        case "cheap_embed":
            rows = np.broadcast_to(_from_embeddings(experts, base), shape)
        case "hidden":
            rows = _from_states(experts, base, stack, report)
    if not recipe.is_random:
        _warn(rows, report)
    count = len(recipe.experts)
    return Gates(rows[:, :count], rows[:, count:] if kind.shared_gate else None)


def _from_embeddings(experts: Sequence[Expert], base: Member) -> np.ndarray:
    """[experts, width]"""
    from alloyengine.moe.prompts import encode, open_tokenizer
    from alloyengine.moe.walk import embedding_of

    tokenizer, rows = open_tokenizer(base.model.path), embedding_of(base)
    found = []
    for expert in experts:
        row = _unit(rows.total(encode(tokenizer, expert.positive_prompts)))
        if expert.negative_prompts:
            row = _unit(row - _unit(rows.total(encode(tokenizer, expert.negative_prompts))))
        found.append(row.numpy())
    return np.stack(found)


def _from_states(
    experts: Sequence[Expert], base: Member, stack: Stack, report: Reporter
) -> np.ndarray:
    """[layers, experts, width]"""
    import torch

    from alloyengine.moe.prompts import encode, open_tokenizer

    tokenizer = open_tokenizer(base.model.path)
    sets = [prompts for expert in experts for prompts in expert.prompts]
    encoded = [encode(tokenizer, prompts) if prompts else [] for prompts in sets]
    ends = _ends([ids for one in encoded for ids in one], base, stack, report)
    means, at = [], 0
    for one in encoded:
        mean = ends[:, at : at + len(one)].mean(dim=1) if one else torch.zeros_like(ends[:, 0])
        means.append(mean)
        at += len(one)
    rows = [_unit(good - bad) for good, bad in zip(means[::2], means[1::2], strict=True)]
    found: np.ndarray = torch.stack(rows, dim=1).numpy()
    return found


def _ends(sequences: "Sequence[Ids]", base: Member, stack: Stack, report: Reporter) -> "Tensor":
    """The state of each sequence's last token where each layer begins, [layers, sequences, width]."""
    import torch

    from alloyengine.moe.prompts import batches
    from alloyengine.moe.walk import Walk, embedding_of, reader_of

    rows, walk = embedding_of(base), Walk(base.model.path, stack.prefix, reader_of(base))
    width = base.tensors[str(base.structure.embedding)].shape[1]
    found = torch.zeros(stack.length, len(sequences), width)
    parts = list(batches(sequences))
    counter = Counter(report, PHASE, len(parts) * stack.length)
    for batch in parts:
        walk.go(batch, rows, partial(_keep, found, batch, counter))
    return found


def _keep(found: "Tensor", batch: "Batch", counter: Counter, layer: int, states: "Tensor") -> None:
    """The last states of a batch, [sequences, places, width], in their places."""
    counter.next()
    for number, (place, ids) in enumerate(zip(batch.places, batch.sequences, strict=True)):
        found[layer, place] = states[number, len(ids) - 1]


def _unit(vectors: "Tensor") -> "Tensor":
    """Each of length 1; what has no direction stays near 0."""
    found: Tensor = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=_SMALLEST)
    return found


def _warn(rows: np.ndarray, report: Reporter) -> None:
    """Where prompts are so alike that a router can't tell its experts apart."""
    conditions = np.linalg.cond(rows.astype(np.float64))
    alike = [str(layer) for layer in np.flatnonzero(conditions > _TOO_ALIKE)]
    if not alike:
        return
    where = "every layer" if len(alike) == len(rows) else f"layer {', '.join(alike)}"
    report.log(
        f"In {where} the router hardly tells its experts apart: their prompts are too alike, and some "
        "experts will hardly be used. Give prompts that differ more, in their last words above all.",
        "warning",
    )
