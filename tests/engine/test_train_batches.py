from collections import Counter
from itertools import islice

import pytest
import torch

from alloyengine.train.batches import PART_TOKENS, batches, parts, steps_of
from alloyengine.train.encode import IGNORED, Example


def examples(*lengths: int) -> list[Example]:
    """Each made of one number, so that it can be recognised."""
    return [Example([i] * length, [i] * length) for i, length in enumerate(lengths, start=1)]


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
    assert part.tokens.tolist() == [[1, 1, 9, 9], [2, 2, 2, 2]]
    assert part.targets.tolist() == [[1, 1, IGNORED, IGNORED], [2, 2, 2, 2]]


def test_a_large_batch_is_taken_in_parts_that_fit():
    found = list(parts(examples(*[1000] * 20), pad=0))
    assert all(part.tokens.numel() <= PART_TOKENS for part in found)
    assert torch.cat([part.tokens for part in found]).shape == (20, 1000)


def test_an_example_longer_than_a_part_is_still_taken():
    (part,) = parts(examples(PART_TOKENS + 1), pad=0)
    assert part.tokens.shape == (1, PART_TOKENS + 1)
