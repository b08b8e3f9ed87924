"""Distillation: Hinton et al., arXiv 1503.02531. The teacher's distribution over next tokens is learned
where the data's answers are, beside these answers themselves.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, mse_loss, softmax

from alloyengine.errors import InputError
from alloyengine.loading import is_fast, open_model
from alloyengine.report import Reporter
from alloyengine.spec.objective import Distill
from alloyengine.spec.train import TrainSpec
from alloyengine.train.batches import PART_TOKENS, Part, learned, parts
from alloyengine.train.data import read_rows
from alloyengine.train.encode import IGNORED, Example, encode
from alloyengine.train.logits import learned_logits, looks_back, token_losses
from alloyengine.train.objectives.base import Loss


@dataclass
class Distillation:
    """`Objective` of examples and a teacher."""

    items: Sequence[Example]
    how: Distill
    teacher: Any
    most: int = PART_TOKENS

    def prepare(self, model: Any) -> None:
        """The two must speak of the same tokens, and of hidden states of one width."""
        ours, theirs = model.config, self.teacher.config
        if self.how.hidden_weight and ours.hidden_size != theirs.hidden_size:
            raise InputError(
                "teacher_width",
                f"objective.hidden_weight: the teacher's hidden states have {theirs.hidden_size} "
                f"numbers, the model's {ours.hidden_size}.",
                "Set it to 0, or choose a teacher of the same width.",
            )

    def tokens(self, item: Example) -> int:
        return len(item.tokens)

    def count(self, batch: Sequence[Example]) -> int:
        return learned(batch)

    def layout(self, batch: Sequence[Example], share: bool) -> Iterator[Part]:
        return parts(batch, pad=0, share=share, most=self.most)

    def losses(self, model: Any, batch: Sequence[Example]) -> Iterator[Loss]:
        share = looks_back(model) and looks_back(self.teacher) and not self.how.hidden_weight
        states = {"output_hidden_states": True} if self.how.hidden_weight else {}
        for part in self.layout(batch, share):
            with torch.no_grad():
                taught, _ = learned_logits(self.teacher, part, **states)
            said, wanted = learned_logits(model, part, **states)
            mask = wanted != IGNORED
            own = token_losses(said.logits, wanted).sum()
            apart = divergence(said.logits[mask], taught.logits[mask], self.how).sum()
            weight = self.how.teacher_weight
            total = weight * apart + (1 - weight) * own
            if self.how.hidden_weight:
                total = total + self.how.hidden_weight * _apart(said, taught, part.following)
            figures = {"loss_data": own.item(), "loss_teacher": apart.item()}
            yield Loss(total, figures)


def divergence(student: Tensor, teacher: Tensor, how: Distill) -> Tensor:
    """KL(teacher ‖ student) of each place, [places], of logits [places, vocabulary], times the square of
    the temperature, which keeps gradients of one size. With `top_k` both are distributions over the
    teacher's likeliest tokens.
    """
    vocabulary = min(student.shape[-1], teacher.shape[-1])  # paddings may differ
    student, teacher = student[:, :vocabulary].float(), teacher[:, :vocabulary].float()
    if how.top_k and how.top_k < vocabulary:
        teacher, places = teacher.topk(how.top_k, dim=-1)
        student = student.gather(-1, places)
    aims = softmax(teacher / how.temperature, dim=-1)
    logs = log_softmax(teacher / how.temperature, dim=-1)
    found: Tensor = (aims * (logs - log_softmax(student / how.temperature, dim=-1))).sum(dim=-1)
    return found * how.temperature**2


def distill(
    spec: TrainSpec, inputs: Mapping[str, Path], tokenizer: Any, report: Reporter
) -> Distillation:
    if not isinstance(spec.objective, Distill):
        raise TypeError(f"{spec.objective.method} is not distill")
    dtype = torch.bfloat16 if is_fast("bfloat16") else torch.float32
    teacher, theirs = open_model(inputs[spec.objective.teacher], dtype)
    if theirs.get_vocab() != tokenizer.get_vocab():
        raise InputError(
            "teacher_tokenizer",
            "objective.teacher: the teacher's tokenizer is not the model's.",
            "Choose a teacher of the same family.",
        )
    teacher.eval().requires_grad_(False)
    examples = encode(read_rows(inputs[spec.dataset]), tokenizer, spec.max_length, report)
    return Distillation(examples, spec.objective, teacher)


def _apart(said: Any, taught: Any, following: Tensor) -> Tensor:
    """Squared distance of normalised hidden states, layers matched by their share of the depth; summed
    over the places that learn.
    """
    mask = (following != IGNORED).to(said.logits.device)
    ours, theirs = said.hidden_states[1:], taught.hidden_states[1:]
    total = torch.zeros((), device=said.logits.device)
    for number, layer in enumerate(ours, start=1):
        other = theirs[round(number / len(ours) * len(theirs)) - 1]
        total = total + mse_loss(_unit(layer[mask]), _unit(other[mask]), reduction="sum")
    found: Tensor = total / len(ours)
    return found


def _unit(states: Tensor) -> Tensor:
    wide = states.float()
    unit: Tensor = wide / wide.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return unit
