"""How long things are: exact quantiles from counts, and the first rows to look at."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

PREVIEW_ROWS = 20
_TEXT, _ITEMS = 2000, 50
_QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}


def texts(value: Any) -> Iterator[str]:
    """The texts of an example; the names of fields and roles are not."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name != "role":
                yield from texts(item)


def summary(lengths: Counter[int]) -> dict[str, float]:
    """Total, mean, extremes and quantiles of lengths that were counted."""
    count = lengths.total()
    if not count:
        return {}
    ordered = sorted(lengths.items())
    total = sum(length * times for length, times in ordered)
    ends = {"total": total, "mean": round(total / count, 1), "min": ordered[0][0]}
    quantiles = {name: _quantile(ordered, share * count) for name, share in _QUANTILES.items()}
    return ends | quantiles | {"max": ordered[-1][0]}


def _quantile(ordered: Sequence[tuple[int, int]], rank: float) -> int:
    """The least length that at least `rank` examples do not exceed."""
    seen = 0
    for length, times in ordered:
        seen += times
        if seen >= rank:
            return length
    return ordered[-1][0]


def clipped(value: Any) -> Any:
    """A row short enough to be kept beside the dataset."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT else value[:_TEXT] + "…"
    if isinstance(value, list):
        return [clipped(item) for item in value[:_ITEMS]]
    if isinstance(value, dict):
        return {clipped(name): clipped(item) for name, item in list(value.items())[:_ITEMS]}
    return value
