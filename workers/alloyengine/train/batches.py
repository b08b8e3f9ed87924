"""Which examples make up each optimiser step, and how they are laid out as tensors."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from alloyengine.train.encode import IGNORED, Example

BUCKET_BATCHES = 8  # batches sorted by length together: little padding, still well mixed
PART_TOKENS = 8192  # padded tokens in memory at once; a larger batch is taken in parts


@dataclass(frozen=True)
class Part:
    """[examples, tokens] each. Padding is on the right, where causal attention never sees it."""

    tokens: Tensor
    targets: Tensor


def steps_of(examples: int, batch_size: int, epochs: float, max_steps: int | None) -> int:
    steps = max(1, round(math.ceil(examples / batch_size) * epochs))
    return min(steps, max_steps or steps)


def batches(examples: Sequence[Example], size: int, seed: int) -> Iterator[list[Example]]:
    """Endless: epoch after epoch, each in an order of its own, the last batch maybe smaller."""
    for epoch in count():
        yield from _epoch(examples, size, random.Random(f"{seed}/{epoch}"))  # noqa: S311


def parts(batch: Sequence[Example], pad: int) -> Iterator[Part]:
    """The batch as tensors, in as few parts as memory allows."""
    ranked = sorted(batch, key=lambda example: len(example.tokens))
    while ranked:
        rows = max(1, PART_TOKENS // len(ranked[-1].tokens))
        yield _tensors(ranked[-rows:], pad)
        ranked = ranked[:-rows]


def _epoch(examples: Sequence[Example], size: int, order: random.Random) -> Iterator[list[Example]]:
    mixed = order.sample(examples, len(examples))
    whole = []
    for bucket in _chunks(mixed, size * BUCKET_BATCHES):
        whole += _chunks(sorted(bucket, key=lambda example: len(example.tokens)), size)
    order.shuffle(whole)
    yield from whole


def _chunks(items: Sequence[Example], size: int) -> list[list[Example]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def _tensors(examples: Sequence[Example], pad: int) -> Part:
    width = max(len(example.tokens) for example in examples)
    return Part(
        torch.tensor([_padded(example.tokens, width, pad) for example in examples]),
        torch.tensor([_padded(example.targets, width, IGNORED) for example in examples]),
    )


def _padded(values: list[int], width: int, filler: int) -> list[int]:
    return values + [filler] * (width - len(values))
