"""Direct preference optimisation: Rafailov et al., arXiv 2305.18290.

The reference is the base model itself. What it thinks of each answer is asked once, before the first
step: no second copy of it is needed, and no second pass later.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from alloyengine.train.batches import PART_TOKENS, learned, stacked
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
    reference: dict[int, tuple[float, float]] = field(default_factory=dict)

    def prepare(self, model: Any) -> None:
        """The base's log probabilities of both answers of every pair."""
        done = 0
        for pairs in _parts(sorted(self.items, key=lambda pair: pair.longest)):
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

    def losses(self, model: Any, batch: Sequence[Pair]) -> Iterator[Loss]:
        for pairs in _parts(sorted(batch, key=lambda pair: pair.longest)):
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


def _parts(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    """As many at once as memory allows, of pairs in the order of their length."""
    rest = list(pairs)
    while rest:
        count = max(1, PART_TOKENS // (2 * rest[-1].longest))
        yield rest[-count:]
        rest = rest[:-count]


def _likelihoods(model: Any, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """Log probabilities of the chosen and of the rejected answers, [pairs] each."""
    both = [*(pair.chosen for pair in pairs), *(pair.rejected for pair in pairs)]
    answer, wanted = learned_logits(model, stacked(both, pad=0, share=looks_back(model)))
    chosen, rejected = -token_losses(answer.logits, wanted).sum(dim=1).reshape(2, -1)
    return chosen, rejected


def _lengths(pairs: Sequence[Pair]) -> Tensor:
    return torch.tensor([[learned([pair.chosen]), learned([pair.rejected])] for pair in pairs])
