"""Direct preference optimisation: Rafailov et al., arXiv 2305.18290.

The reference is the base model itself. What it thinks of each answer is asked once, before the first
step: no second copy of it is needed, and no second pass later.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from alloyengine.errors import InputError
from alloyengine.report import Reporter
from alloyengine.spec.objective import Dpo
from alloyengine.spec.train import TrainSpec
from alloyengine.train.batches import PART_TOKENS, Part, learned, stacked
from alloyengine.train.encode import Example
from alloyengine.train.logits import learned_logits, looks_back, token_losses
from alloyengine.train.objectives.base import Loss
from alloyengine.train.pairs import encode_pairs, read_pairs

PHASE = "Asking the reference"


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt."""

    number: int
    chosen: Example
    rejected: Example

    @property
    def longest(self) -> int:
        return max(len(self.chosen.tokens), len(self.rejected.tokens))


@dataclass
class Preference:
    """`Objective` of pairs."""

    items: Sequence[Pair]
    how: Dpo
    report: Reporter
    most: int = PART_TOKENS
    reference: dict[int, tuple[float, float]] = field(default_factory=dict)

    def prepare(self, model: Any) -> None:
        """The base's log probabilities of both answers of every pair."""
        done = 0
        for pairs in self._parts(self.items):
            self.report.progress(PHASE, done, len(self.items))
            with torch.no_grad():
                chosen, rejected = _likelihoods(model, pairs)
            both = zip(chosen.tolist(), rejected.tolist(), strict=True)
            self.reference |= dict(zip((pair.number for pair in pairs), both, strict=True))
            done += len(pairs)
        self.report.progress(PHASE, done, len(self.items))

    def tokens(self, item: Pair) -> int:
        return item.longest

    def count(self, batch: Sequence[Pair]) -> int:
        return len(batch)

    def layout(self, batch: Sequence[Pair], share: bool) -> Iterator[Part]:
        for pairs in self._parts(batch):
            yield stacked(_both(pairs), pad=0, share=share)

    def losses(self, model: Any, batch: Sequence[Pair]) -> Iterator[Loss]:
        for pairs in self._parts(batch):
            chosen, rejected = _likelihoods(model, pairs)
            base = torch.tensor([self.reference[pair.number] for pair in pairs])
            base = base.to(chosen.device)
            gained, lost = chosen - base[:, 0], rejected - base[:, 1]
            total = preference_loss(gained - lost, self.how, _lengths(pairs)).sum()
            if self.how.sft_weight:
                own = torch.tensor([learned([pair.chosen]) for pair in pairs])
                total = total - self.how.sft_weight * (chosen / own.to(chosen.device)).sum()
            margin = (self.how.beta * (gained - lost)).detach()
            yield Loss(
                total, {"preferred": float((margin > 0).sum()), "margin": float(margin.sum())}
            )

    def _parts(self, pairs: Iterable[Pair]) -> Iterator[Sequence[Pair]]:
        """As many at once as memory allows, the longest first."""
        rest = sorted(pairs, key=lambda pair: pair.longest)
        while rest:
            count = max(1, self.most // (2 * rest[-1].longest))
            yield rest[-count:]
            rest = rest[:-count]


def preference_loss(advantage: Tensor, how: Dpo, lengths: Tensor) -> Tensor:
    """Of each pair, given how much likelier the chosen answer became than the rejected one, in nats
    relative to the reference. `lengths`: learned tokens of both answers, [pairs, 2].
    """
    match how.loss:
        case "sigmoid":
            z, smooth = how.beta * advantage, how.label_smoothing
            return -(1 - smooth) * logsigmoid(z) - smooth * logsigmoid(-z)
        case "hinge":
            return torch.relu(1 - how.beta * advantage)
        case "ipo":
            return (advantage / lengths.to(advantage).mean(1) - 1 / (2 * how.beta)) ** 2


def dpo(
    spec: TrainSpec, inputs: Mapping[str, Path], tokenizer: Any, report: Reporter
) -> Preference:
    if not isinstance(spec.objective, Dpo):
        raise TypeError(f"{spec.objective.method} is not dpo")
    rows = read_pairs(inputs[spec.dataset])
    encoded = encode_pairs(rows, tokenizer, spec.max_length, report)
    pairs = [Pair(number, *both) for number, both in enumerate(encoded)]
    if not pairs:
        raise InputError("dataset_empty", "The dataset has no preference pairs to learn from.")
    return Preference(pairs, spec.objective, report)


def _likelihoods(model: Any, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Log probabilities of the chosen and of the rejected answers, [pairs] each."""
    part = stacked(_both(pairs), pad=0, share=looks_back(model))
    answer, wanted = learned_logits(model, part)
    chosen, rejected = -token_losses(answer.logits, wanted).sum(dim=1).reshape(2, -1)
    return chosen, rejected


def _both(pairs: Sequence[Pair]) -> list[Example]:
    return [*(pair.chosen for pair in pairs), *(pair.rejected for pair in pairs)]


def _lengths(pairs: Sequence[Pair]) -> Tensor:
    return torch.tensor([[learned([pair.chosen]), learned([pair.rejected])] for pair in pairs])
