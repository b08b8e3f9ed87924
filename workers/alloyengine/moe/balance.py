"""How evenly the experts of a sparse model are used: prompts are sent through it, layer by layer.

The way goes through the dense base's own code, with a sparse MLP in the place of each dense one; weights are
the result's, read from where the plan takes them, one expert at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import functional_call

from alloyengine.merge.backend import backend
from alloyengine.merge.members import Member
from alloyengine.merge.steps import Step
from alloyengine.moe.counter import Counter
from alloyengine.moe.kinds import Kind, Matrix, Part
from alloyengine.moe.plan import Plan
from alloyengine.moe.prompts import batches
from alloyengine.moe.walk import Walk, embedding_of
from alloyengine.report import Reporter
from alloyengine.spec.moe import MoeRecipe

if TYPE_CHECKING:
    from alloyengine.moe.prompts import Batch, Ids

PHASE = "Measuring balance"
REPORT = "balance"
_LEAST = 1e-6  # as transformers has it, where scores are sigmoids


@dataclass(frozen=True)
class Balance:
    """Of each layer, each expert's share: of how often one is asked, and of what their answers weigh.

    Both sum to 1 in every layer. Even is 1 / number of experts.
    """

    tokens: int
    asked: tuple[tuple[float, ...], ...]
    weight: tuple[tuple[float, ...], ...]

    @property
    def overall(self) -> list[float]:
        """The mean weight of each expert over all layers."""
        return [sum(layer) / len(layer) for layer in zip(*self.weight, strict=True)]

    @property
    def idle(self) -> list[tuple[int, int]]:
        """Layers and experts that were not asked once."""
        return [
            (layer, expert)
            for layer, shares in enumerate(self.asked)
            for expert, share in enumerate(shares)
            if share == 0
        ]

    def told(self, names: Sequence[str]) -> dict[str, Any]:
        """For the job's page."""
        return {
            "experts": list(names),
            "tokens": self.tokens,
            "layers": [
                {"asked": list(asked), "weight": list(weight)}
                for asked, weight in zip(self.asked, self.weight, strict=True)
            ],
        }


def balance_of(
    plan: Plan, recipe: MoeRecipe, base: Member, sequences: "Sequence[Ids]", report: Reporter
) -> Balance:
    """`sequences`: token ids of prompts or pieces of a text. Raises InputError, Stopped."""
    weights = _Weights(plan)
    prefix = base.structure.stacks[0].prefix
    walk = Walk(base.model.path, prefix, weights.whole)
    tallies: list[_Sparse] = []

    def sparse(layer: int, dense: torch.nn.Module) -> torch.nn.Module:
        experts = _Experts(weights, plan.kind, f"{prefix}.{layer}", dense)
        tallies.append(_Sparse(experts, recipe))
        return tallies[-1]

    walk.replace_mlps(plan.kind.mlp["gate"].partition(".")[0], sparse)
    parts = list(batches(sequences))
    counter = Counter(report, PHASE, len(parts) * base.structure.stacks[0].length)
    rows = embedding_of(base)
    for batch in parts:
        mask = _mask(batch)
        for tally in tallies:
            tally.mask = mask
        walk.go(batch, rows, partial(_count, counter))
    tokens = sum(map(len, sequences))
    return Balance(
        tokens,
        tuple(_shares(tally.asked) for tally in tallies),
        tuple(_shares(tally.weight) for tally in tallies),
    )


def _count(counter: Counter, layer: int, states: Tensor) -> None:
    counter.next()


def _mask(batch: "Batch") -> Tensor:
    """Which of a batch's places are tokens, [sequences · places]."""
    lengths = torch.tensor([len(ids) for ids in batch.sequences])
    return (torch.arange(batch.width) < lengths[:, None]).reshape(-1)


def _shares(sums: Tensor) -> tuple[float, ...]:
    return tuple((sums / sums.sum()).tolist())


class _Weights:
    """What the plan makes, read from its sources."""

    def __init__(self, plan: Plan) -> None:
        self._steps = {step.tensor: step for step in plan.steps}

    def whole(self, name: str) -> Tensor:
        step = self._steps[name]
        return self.rows(name, 0, step.rows).view(step.shape)

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """float32 [rows, columns], of a tensor as rows of its last dimension."""
        (source,), here = self._steps[name].sources, backend("cpu")
        return torch.from_numpy(source.open(start, stop, here)(start, stop))

    def step(self, name: str) -> Step:
        return self._steps[name]


@dataclass(frozen=True)
class _Experts:
    """The experts of one layer, each used through the dense MLP's own code."""

    weights: _Weights
    kind: Kind
    layer: str
    dense: torch.nn.Module

    @property
    def router(self) -> Tensor:
        return self.weights.whole(f"{self.layer}.{self.kind.router}")

    def answer(self, expert: int, states: Tensor) -> Tensor:
        found: Tensor = functional_call(self.dense, self._of(self.kind.experts, expert), (states,))
        return found

    def shared(self, states: Tensor) -> Tensor:
        """What the shared expert adds, its own gate applied."""
        answer: Tensor = functional_call(self.dense, self._of(self.kind.shared, 0), (states,))
        if self.kind.shared_gate:
            gate = self.weights.whole(f"{self.layer}.{self.kind.shared_gate}")
            answer = answer * torch.sigmoid(states @ gate.T)
        return answer

    def _of(self, parts: Sequence[Part], expert: int) -> dict[str, Tensor]:
        """An expert's matrices by the dense MLP's names for them."""
        found: dict[Matrix, Tensor] = {}
        for part in parts:
            found |= self._of_part(part, expert)
        names = self.kind.mlp
        return {names[matrix].partition(".")[2]: weight for matrix, weight in found.items()}

    def _of_part(self, part: Part, expert: int) -> Iterator[tuple[Matrix, Tensor]]:
        name = f"{self.layer}.{part.name.format(expert=expert)}"
        step = self.weights.step(name)
        rows = step.shape[-2] // len(part.of)
        first = expert * step.shape[-2] if len(step.shape) == 3 else 0
        for number, matrix in enumerate(part.of):
            start = first + number * rows
            yield matrix, self.weights.rows(name, start, start + rows)


class _Sparse(torch.nn.Module):
    """A sparse MLP that keeps count of whom it asks."""

    def __init__(self, experts: _Experts, recipe: MoeRecipe) -> None:
        super().__init__()
        self._experts, self._recipe = experts, recipe
        self.asked = torch.zeros(len(recipe.experts))
        self.weight = torch.zeros(len(recipe.experts))
        self.mask = torch.ones(1, dtype=torch.bool)  # of the batch under way

    def forward(self, states: Tensor) -> Tensor:
        flat = states.reshape(-1, states.shape[-1])
        logits, chosen = (flat @ self._experts.router.T).topk(self._recipe.experts_per_token)
        scores = _scores(logits, self._experts.kind)
        self._tally(chosen, scores)
        found = torch.zeros_like(flat)
        for expert in sorted(set(chosen.flatten().tolist())):
            token, place = (chosen == expert).nonzero(as_tuple=True)
            found[token] += scores[token, place, None] * self._experts.answer(expert, flat[token])
        if self._recipe.shared_experts:
            found += self._experts.shared(flat)
        return found.view(states.shape)

    def _tally(self, chosen: Tensor, scores: Tensor) -> None:
        counted = chosen[self.mask].reshape(-1)
        self.asked += torch.bincount(counted, minlength=len(self.asked))
        self.weight.index_add_(0, counted, scores[self.mask].reshape(-1))


def _scores(logits: Tensor, kind: Kind) -> Tensor:
    """Of those that are asked, [tokens, asked]: they sum to 1, but for sigmoids that are all near 0."""
    if kind.scores == "softmax":
        return logits.softmax(dim=-1)
    positive = logits.sigmoid()
    return positive / (positive.sum(dim=-1, keepdim=True) + _LEAST)
