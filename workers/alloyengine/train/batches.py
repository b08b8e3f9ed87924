"""Which examples make up each optimiser step, and how they are laid out as tensors."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise, takewhile
from typing import TypeVar

import torch
from torch import Tensor

from alloyengine.train.encode import IGNORED, Example

Item = TypeVar("Item")
BUCKET_BATCHES = 8  # batches sorted by length together: little padding, still well mixed
PART_TOKENS = 8192  # padded tokens in memory at once; a larger batch is taken in parts
SHORTEST_PREFIX = 8  # tokens; sharing fewer does not pay for the second pass


@dataclass(frozen=True)
class Part:
    """Inputs, and at each of them the token to be predicted next, IGNORED where nothing is learned.

    `prefix` [tokens] stands before every example, such as the system message that all share: it is
    computed once and not learned. `tokens` and `following` are [examples, tokens] each. Padding is
    on the right, where causal attention never sees it. `positions` [examples, tokens] begin anew with
    each packed document, which keeps attention apart; None where nothing is packed.
    """

    prefix: Tensor
    tokens: Tensor
    following: Tensor
    positions: Tensor | None = None


def steps_of(examples: int, batch_size: int, epochs: float, max_steps: int | None) -> int:
    steps = max(1, round(math.ceil(examples / batch_size) * epochs))
    return min(steps, max_steps or steps)


def batches(
    items: Sequence[Item], size: int, seed: int, length: Callable[[Item], int]
) -> Iterator[list[Item]]:
    """Endless: epoch after epoch, each in an order of its own, the last batch maybe smaller. Items of
    like length share a batch.
    """
    for epoch in count():
        yield from _epoch(items, size, random.Random(f"{seed}/{epoch}"), length)  # noqa: S311


def parts(
    batch: Sequence[Example], pad: int, share: bool = True, most: int = PART_TOKENS
) -> Iterator[Part]:
    """The batch as tensors, in as few parts as `most` tokens at once allow."""
    ranked = sorted((_needed(example) for example in batch), key=lambda row: len(row.tokens))
    while ranked:
        rows = max(1, most // len(ranked[-1].tokens))
        yield _tensors(ranked[-rows:], pad, share)
        ranked = ranked[:-rows]


def stacked(batch: Sequence[Example], pad: int, share: bool = True) -> Part:
    """The batch as one part, in its own order."""
    return _tensors([_needed(example) for example in batch], pad, share)


def learned(batch: Iterable[Example]) -> int:
    """How many tokens it learns."""
    return sum(target != IGNORED for example in batch for target in example.targets[1:])


def _epoch(
    items: Sequence[Item], size: int, order: random.Random, length: Callable[[Item], int]
) -> Iterator[list[Item]]:
    mixed = order.sample(items, len(items))
    whole = []
    for bucket in _chunks(mixed, size * BUCKET_BATCHES):
        whole += _chunks(sorted(bucket, key=length), size)
    order.shuffle(whole)
    yield from whole


def _chunks(items: Sequence[Item], size: int) -> list[list[Item]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def _needed(example: Example) -> Example:
    """Shifted by one, so that each target stands at the token that predicts it; cut after the last.

    What follows the last learned token, such as the template's line break, predicts nothing.
    """
    following = example.targets[1:]
    while following and following[-1] == IGNORED:
        following.pop()
    return Example(example.tokens[: len(following)], following, example.starts)


def _tensors(rows: Sequence[Example], pad: int, share: bool) -> Part:
    packed = any(len(row.starts) > 1 for row in rows)
    start = _shared(rows) if share and not packed else 0
    width = max(len(row.tokens) for row in rows)
    tokens = torch.tensor([_padded(row.tokens, width, pad) for row in rows])
    following = torch.tensor([_padded(row.targets, width, IGNORED) for row in rows])
    positions = torch.tensor([_positions(row, width) for row in rows]) if packed else None
    return Part(tokens[0, :start], tokens[:, start:], following[:, start:], positions)


def _positions(row: Example, width: int) -> list[int]:
    """Counted from the beginning of each document; padding is one of its own."""
    starts = [*(row.starts or (0,)), len(row.tokens), width]
    bounds = pairwise(dict.fromkeys(min(start, width) for start in starts))
    return [place for begin, end in bounds for place in range(end - begin)]


def _shared(rows: Sequence[Example]) -> int:
    """How many tokens all rows begin with before anything is learned; 0 when sharing can't pay."""
    shortest = min(len(row.tokens) for row in rows) - 1
    columns = zip(*(zip(row.tokens, row.targets, strict=True) for row in rows), strict=False)
    alike = takewhile(lambda column: len(set(column)) == 1 and column[0][1] == IGNORED, columns)
    length = min(sum(1 for _ in alike), shortest)
    return length if len(rows) > 1 and length >= SHORTEST_PREFIX else 0


def _padded(values: list[int], width: int, filler: int) -> list[int]:
    return values + [filler] * (width - len(values))
