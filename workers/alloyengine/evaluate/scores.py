"""From single results to a figure and its standard error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    value: float
    stderr: float | None


def mean(values: Sequence[float]) -> Figure:
    """Of numbers or of right and wrong; the error is that of a mean of so many."""
    count = len(values)
    value = math.fsum(values) / count
    if count < 2:
        return Figure(value, None)
    spread = math.fsum((each - value) ** 2 for each in values) / (count - 1)
    return Figure(value, math.sqrt(spread / count))


def perplexity(losses: Sequence[float], tokens: Sequence[int]) -> Figure:
    """exp of the mean loss a token. Tokens of one text depend on each other, so the error
    is that of a ratio of sums over texts, carried through exp (delta method).
    """
    count, total = len(losses), sum(tokens)
    average = sum(losses) / total
    value = math.exp(min(average, 700.0))
    if count < 2:
        return Figure(value, None)
    spread = sum((loss - average * n) ** 2 for loss, n in zip(losses, tokens, strict=True))
    return Figure(value, value * math.sqrt(spread * count / (count - 1)) / total)
