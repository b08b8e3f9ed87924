"""From single results to a figure and its standard error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    value: float
    stderr: float | None


def share(right: Sequence[bool]) -> Figure:
    """Between 0 and 1."""
    count = len(right)
    value = sum(right) / count
    return Figure(value, math.sqrt(value * (1 - value) / (count - 1)) if count > 1 else None)


def perplexity(losses: Sequence[float], tokens: Sequence[int]) -> Figure:
    """exp of the mean loss a token. Tokens of one text depend on each other, so the error
    is that of a ratio of sums over texts, carried through exp (delta method).
    """
    count, total = len(losses), sum(tokens)
    mean = sum(losses) / total
    value = math.exp(min(mean, 700.0))
    if count < 2:
        return Figure(value, None)
    spread = sum((loss - mean * n) ** 2 for loss, n in zip(losses, tokens, strict=True))
    return Figure(value, value * math.sqrt(spread * count / (count - 1)) / total)
