from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from alloyengine.train.batches import PART_TOKENS, SHORTEST_PREFIX, parts, steps_of
from alloyengine.train.batches import batches as batches_of
from alloyengine.train.encode import IGNORED, Example


def examples(*lengths: int) -> list[Example]:
    """Each made of one number, so that it can be recognised."""
    return [Example([i] * length, [i] * length) for i, length in enumerate(lengths, start=1)]


def batches(items: list[Example], size: int, seed: int) -> Iterator[list[Example]]:
    return batches_of(items, size, seed, lambda example: len(example.tokens))


def ids(batch: list[Example]) -> list[int]:
    return [example.tokens[0] for example in batch]


def test_an_epoch_has_every_example_once_and_keeps_the_small_last_batch():
    epoch = list(islice(batches(examples(*[3] * 10), 4, seed=0), 3))
    assert sorted(len(batch) for batch in epoch) == [2, 4, 4]
    assert Counter(i for batch in epoch for i in ids(batch)) == Counter(range(1, 11))


def test_one_seed_gives_one_order_and_each_epoch_another():
    def order(seed: int) -> list[list[int]]:
        return [ids(batch) for batch in islice(batches(examples(*[3] * 40), 4, seed), 20)]

    assert order(1) == order(1) != order(2)
    assert order(1)[:10] != order(1)[10:]


def test_examples_of_like_length_share_a_batch():
    mixed = examples(*[5, 50] * 8)
    for batch in islice(batches(mixed, 4, seed=0), 4):
        assert len({len(example.tokens) for example in batch}) == 1


@pytest.mark.parametrize(
    ("count", "epochs", "most", "steps"),
    [(10, 1, None, 3), (10, 2.5, None, 8), (10, 2, 4, 4), (10, 1, 50, 3), (1, 0.01, None, 1)],
)
def test_steps_follow_from_epochs_and_their_limit(
    count: int, epochs: float, most: int | None, steps: int
):
    assert steps_of(count, 4, epochs, most) == steps


def test_padding_is_on_the_right_and_never_learned():
    (part,) = parts(examples(2, 4), pad=9)
    assert part.tokens.tolist() == [[1, 9, 9], [2, 2, 2]]
    assert part.following.tolist() == [[1, IGNORED, IGNORED], [2, 2, 2]]


def test_what_follows_the_last_learned_token_is_not_computed():
    (part,) = parts([Example([1, 2, 3, 4, 5], [IGNORED, IGNORED, 3, IGNORED, IGNORED])], pad=0)
    assert (part.tokens.tolist(), part.following.tolist()) == ([[1, 2]], [[IGNORED, 3]])


def question(*ends: int, shared: int = SHORTEST_PREFIX) -> Example:
    """`shared` equal tokens, then some of its own, of which the last is learned."""
    tokens = [*range(shared), *ends]
    return Example(tokens, [IGNORED] * (len(tokens) - 1) + [tokens[-1]])


def test_what_all_examples_begin_with_is_laid_out_once():
    (part,) = parts([question(50, 51), question(60, 61, 62)], pad=0)
    assert part.prefix.tolist() == list(range(SHORTEST_PREFIX))
    assert part.tokens.tolist() == [[50, 0], [60, 61]]
    assert part.following.tolist() == [[51, IGNORED], [IGNORED, 62]]


@pytest.mark.parametrize(
    "rows",
    [
        [question(50, 51)],
        [question(50, 51, shared=SHORTEST_PREFIX - 1), question(60, 61, shared=3)],
        [Example(list(range(20)), list(range(20)))] * 2,
    ],
    ids=["one example", "too short", "learned"],
)
def test_a_prefix_that_does_not_pay_or_is_learned_stays_in_its_examples(rows: list[Example]):
    (part,) = parts(rows, pad=0)
    assert len(part.prefix) == 0


def test_equal_questions_keep_a_token_of_their_own():
    (part,) = parts([question(50, 51)] * 2, pad=0)
    assert part.tokens.tolist() == [[50], [50]]


def test_a_large_batch_is_taken_in_parts_that_fit():
    found = list(parts(examples(*[1000] * 20), pad=0))
    assert all(part.tokens.numel() <= PART_TOKENS for part in found)
    assert torch.cat([part.tokens for part in found]).shape == (20, 999)


def test_an_example_longer_than_a_part_is_still_taken():
    (part,) = parts(examples(PART_TOKENS + 1), pad=0)
    assert part.tokens.shape == (1, PART_TOKENS)
