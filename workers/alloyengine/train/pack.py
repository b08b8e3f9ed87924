"""Documents put together to sequences of full length, so that no place is wasted on padding."""

from collections.abc import Iterable

from alloyengine.train.encode import IGNORED, Example

_LEAST = 2  # tokens: a shorter piece has nothing to predict


def pack(documents: Iterable[list[int]], length: int) -> list[Example]:
    """Every token of every document, in order, `length` to a sequence. A document that does not end
    with a sequence goes on in the next. Where one begins, positions begin anew: that is how attention
    knows that none may see another.
    """
    packed: list[Example] = []
    tokens: list[int] = []
    starts: list[int] = []
    for document in documents:
        rest = document
        while rest:
            starts.append(len(tokens))
            room = length - len(tokens)
            tokens, rest = tokens + rest[:room], rest[room:]
            if len(tokens) == length:
                packed.append(_sequence(tokens, starts))
                tokens, starts = [], []
    if len(tokens) >= _LEAST:
        packed.append(_sequence(tokens, starts))
    return packed


def _sequence(tokens: list[int], starts: list[int]) -> Example:
    """The first token of each document is given, not learned."""
    first = set(starts)
    targets = [IGNORED if place in first else token for place, token in enumerate(tokens)]
    return Example(tokens, targets, tuple(starts))
