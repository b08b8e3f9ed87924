"""How likely continuations are after their contexts, and whether a greedy model would have said them.

What is asked of one context is asked at once: the context is read once, with what all its continuations
begin with; its cache is handed to each of them, and only they need the costly step from hidden states to
the vocabulary. What many contexts begin with (solved examples, a system message) is read once for all of
them. Longest contexts come first, so that each batch is padded little and the largest one shows at once
whether it fits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alloyengine.errors import InputError
from alloyengine.evaluate.examples import Advance
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.prefix import Prefix, Tokens, shared_length
from alloyengine.evaluate.reading import Likelihood, read_alone, read_together

Pair = tuple[Tokens, Tokens]
"""Token ids: a context and its continuation, one of each at least."""

_LOGITS = 100_000_000  # numbers in memory at once
_CACHED = 32_768  # tokens in caches at once
_AT_ONCE = 32  # continuations of one context; more are asked in turns
_KIN = 32  # contexts that begin with so many equal tokens are kin
_FEW = 4  # kin, for which no prefix is worth reading


@dataclass(frozen=True)
class Asked:
    """A context, and the numbers of the pairs that it belongs to."""

    context: tuple[int, ...]
    pairs: tuple[int, ...]


def likelihoods(
    loaded: Loaded, pairs: Sequence[Pair], batch_size: int, advance: Advance
) -> list[Likelihood]:
    """One for each pair, in their order; contexts that are too long lose their beginning.

    A batch has up to `batch_size` contexts; `advance` is told of pairs. Raises InputError, and
    whatever `advance` raises.
    """
    cut = [_cut(context, continuation, loaded.context) for context, continuation in pairs]
    room = _LOGITS // loaded.model.config.get_text_config().vocab_size
    found: dict[int, Likelihood] = {}
    for order, read in _read(loaded, cut, batch_size, room):
        found |= dict(zip(order, read, strict=True))
        advance(len(order))
    return [found[number] for number in range(len(cut))]


def _read(
    loaded: Loaded, pairs: Sequence[Pair], batch_size: int, room: int
) -> Iterator[tuple[list[int], list[Likelihood]]]:
    """Batch by batch: numbers of pairs, and what they gave."""
    if getattr(loaded.model, "_is_stateful", False):  # its cache can't be handed on
        for order in _alone(pairs, batch_size, room):
            yield order, read_alone(loaded, [pairs[number] for number in order])
        return
    for family in _families(_by_context(pairs)):
        shared = shared_length([asked.context for asked in family])
        prefix = Prefix(loaded, family[0].context[:shared])
        for batch in _batches(family, pairs, batch_size, room):
            rests = [asked.context[shared:] for asked in batch]
            wanted = [[pairs[number][1] for number in asked.pairs] for asked in batch]
            order = [number for asked in batch for number in asked.pairs]
            yield order, read_together(loaded, prefix, rests, wanted)


def _cut(context: Tokens, continuation: Tokens, longest: int) -> Pair:
    """The last token is predicted, not read: one more than the model's context fits."""
    if not 0 < len(continuation) <= longest:
        raise InputError(
            "continuation_length",
            f"A continuation of {len(continuation)} tokens can't be scored: the model reads {longest}.",
            "Shorten it, or leave it out.",
        )
    return context[max(0, len(context) + len(continuation) - longest - 1) :], continuation


def _by_context(pairs: Sequence[Pair]) -> list[Asked]:
    groups: dict[tuple[int, ...], list[int]] = {}
    for number, (context, _) in enumerate(pairs):
        groups.setdefault(tuple(context), []).append(number)
    return [
        Asked(context, tuple(numbers[start : start + _AT_ONCE]))
        for context, numbers in groups.items()
        for start in range(0, len(numbers), _AT_ONCE)
    ]


def _families(asked: Sequence[Asked]) -> list[list[Asked]]:
    """Contexts with the same beginning; those with few kin together, whatever they share."""
    kin: dict[tuple[int, ...], list[Asked]] = {}
    for each in asked:
        kin.setdefault(each.context[:_KIN], []).append(each)
    large = [family for family in kin.values() if len(family) > _FEW]
    rest = [each for family in kin.values() if len(family) <= _FEW for each in family]
    return [*large, rest] if rest else large


def _batches(
    family: Sequence[Asked], pairs: Sequence[Pair], size: int, room: int
) -> Iterator[list[Asked]]:
    """The longest first, so many that caches and logits find room; one at least."""
    batch: list[Asked] = []
    rows = width = 0
    for asked in sorted(family, key=lambda each: -len(each.context)):
        wide = max(len(pairs[number][1]) for number in asked.pairs)
        new_rows, new_width = rows + len(asked.pairs), max(width, wide)
        length = len((batch or [asked])[0].context) + new_width
        full = new_rows * new_width > room or new_rows * length > _CACHED or len(batch) == size
        if batch and full:
            yield batch
            batch, new_rows, new_width = [], len(asked.pairs), wide
        batch.append(asked)
        rows, width = new_rows, new_width
    if batch:
        yield batch


def _alone(pairs: Sequence[Pair], size: int, room: int) -> Iterator[list[int]]:
    """Numbers of pairs, the longest first."""
    lengths = [len(context) + len(continuation) for context, continuation in pairs]
    order = sorted(range(len(pairs)), key=lambda number: -lengths[number])
    start = 0
    while start < len(order):
        count = max(1, min(size, room // lengths[order[start]]))
        yield order[start : start + count]
        start += count
