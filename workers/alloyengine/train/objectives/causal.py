"""The next token: of what the assistant says (SFT), or of all of a text (CPT)."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from alloyengine.errors import InputError
from alloyengine.report import Reporter
from alloyengine.spec.objective import Cpt
from alloyengine.spec.train import TrainSpec
from alloyengine.train.batches import PART_TOKENS, Part, learned, parts
from alloyengine.train.data import read_rows
from alloyengine.train.encode import IGNORED, Example, encode
from alloyengine.train.head import plain_head
from alloyengine.train.logits import learned_loss, looks_back
from alloyengine.train.objectives.base import Loss
from alloyengine.train.pack import pack
from alloyengine.train.routers import balance_weight, heard, tokens_of, unevenness


@dataclass
class Causal:
    """`Objective` of examples, whose tokens count alike."""

    items: Sequence[Example]
    most: int = PART_TOKENS
    head: Any = None  # the model's, if its logits need not all be there at once

    def prepare(self, model: Any) -> None:
        self.head = plain_head(model)

    def tokens(self, item: Example) -> int:
        return len(item.tokens)

    def count(self, batch: Sequence[Example]) -> int:
        return learned(batch)

    def layout(self, batch: Sequence[Example], share: bool) -> Iterator[Part]:
        return parts(batch, pad=0, share=share, most=self.most)

    def losses(self, model: Any, batch: Sequence[Example]) -> Iterator[Loss]:
        weight = balance_weight(model) if torch.is_grad_enabled() else 0.0
        for part in self.layout(batch, looks_back(model)):
            if weight:
                yield self._balanced(model, part, weight)
            else:
                yield Loss(learned_loss(model, part, self.head))

    def _balanced(self, model: Any, part: Part, weight: float) -> Loss:
        """With what the model's config gives for experts that are used evenly. As other sums it is
        weighed by the tokens that are learned.
        """
        with heard(model) as logits:
            total = learned_loss(model, part, self.head)
        uneven = unevenness(logits, model.config.num_experts_per_tok, tokens_of(part))
        count = int((part.following != IGNORED).sum())
        return Loss(total + weight * count * uneven, {"unevenness": uneven.item() * count})


def sft(spec: TrainSpec, inputs: Mapping[str, Path], tokenizer: Any, report: Reporter) -> Causal:
    rows = read_rows(inputs[spec.dataset])
    return Causal(encode(rows, tokenizer, spec.max_length, report))


def cpt(spec: TrainSpec, inputs: Mapping[str, Path], tokenizer: Any, report: Reporter) -> Causal:
    """Packed to full length, with general text mixed in where it is asked for."""
    packed = pack(_documents(inputs[spec.dataset], tokenizer), spec.max_length)
    if not packed:
        raise InputError("dataset_empty", "The dataset has no training rows.", "Upload more rows.")
    if isinstance(spec.objective, Cpt) and (replay := spec.objective.replay):
        general = pack(_documents(inputs[replay.dataset], tokenizer), spec.max_length)
        wanted = round(len(packed) * replay.share / (1 - replay.share))
        order = random.Random(f"{spec.seed}/replay")  # noqa: S311  # not a secret
        report.log(f"{wanted} sequences of general text are replayed among {len(packed)}.")
        packed = [*packed, *_drawn(general, wanted, order)]
    return Causal(packed)


def _documents(dataset: Path, tokenizer: Any) -> Iterator[list[int]]:
    """The tokens of each text, with the token that ends one. Conversations are read as text."""
    for row in read_rows(dataset):
        text = row if isinstance(row, str) else "\n\n".join(turn["content"] for turn in row)
        yield [*tokenizer(text).input_ids, tokenizer.eos_token_id]


def _drawn(sequences: list[Example], count: int, order: random.Random) -> list[Example]:
    """So many, each as often as any other; all of them before one comes twice."""
    found: list[Example] = []
    while sequences and len(found) < count:
        found += order.sample(sequences, min(len(sequences), count - len(found)))
    return found
