"""Whether one model is really better than another: paired bootstrap over the examples both were asked.

Both models met the same examples, so what counts are differences example by example: the hard ones
are hard for both, and that part of the error is gone. Differences are drawn anew with replacement
many times (Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation").
Nothing but Python's own library: the platform compares, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import quantiles
from typing import Literal

DRAWS = 2000
SURE = 0.05  # a smaller p is no chance
Verdict = Literal["better", "worse", "unclear", "same"]


@dataclass(frozen=True)
class Difference:
    """`value`: the second model's mean less the first's. `low` and `high` hold 95% of what was drawn."""

    value: float
    low: float
    high: float
    p: float  # two-sided
    examples: int
    verdict: Verdict

    @property
    def regressed(self) -> bool:
        return self.verdict == "worse"


def compare(
    first: Sequence[float],
    second: Sequence[float],
    *,
    weights: Sequence[float] | None = None,
    lower_is_better: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
) -> Difference:
    """Of two models' results on the same examples, in the same order.

    With `weights` (perplexity: results are summed losses, weights numbers of tokens) the mean is
    the sum of results over the sum of weights. Raises ValueError for lists of different lengths.
    """
    if len(first) != len(second) or (weights is not None and len(weights) != len(first)):
        raise ValueError(f"{len(first)} results can't be paired with {len(second)}")
    gains = [b - a for a, b in zip(first, second, strict=True)]
    heavy = [1.0] * len(gains) if weights is None else list(weights)
    if not sum(heavy):
        raise ValueError("there is nothing to compare")
    value = sum(gains) / sum(heavy)
    if not any(gains):
        return Difference(0.0, 0.0, 0.0, 1.0, len(gains), "same")
    drawn = _drawn(gains, heavy, draws, Random(seed))  # noqa: S311  # no secret is made of it
    low, high = _middle(drawn)
    # So many differing examples fall to one side by mere chance once in 2^(n-1) times: a handful
    # proves nothing, however alike its few resamplings are.
    p = max(_two_sided(drawn), 2.0 ** (1 - sum(map(bool, gains))))
    return Difference(value, low, high, p, len(gains), _verdict(value, p, lower_is_better))


def _drawn(
    gains: Sequence[float], weights: Sequence[float], draws: int, random: Random
) -> list[float]:
    """Mean gains of as many examples, drawn with replacement."""
    count, places = len(gains), range(len(gains))
    if all(weight == weights[0] for weight in weights):
        total = count * weights[0]
        return [sum(random.choices(gains, k=count)) / total for _ in range(draws)]
    found = []
    for _ in range(draws):
        chosen = random.choices(places, k=count)
        heavy = sum(map(weights.__getitem__, chosen))
        # Examples without weight have no gain: all of them at once say that nothing differs.
        found.append(sum(map(gains.__getitem__, chosen)) / heavy if heavy else 0.0)
    return found


def _middle(drawn: Sequence[float]) -> tuple[float, float]:
    cuts = quantiles(drawn, n=40, method="inclusive")
    return cuts[0], cuts[-1]


def _two_sided(drawn: Sequence[float]) -> float:
    """How often the difference is on the other side of 0. Never 0: so few draws can't know that."""
    below = sum(gain <= 0 for gain in drawn)
    above = sum(gain >= 0 for gain in drawn)
    return min(1.0, 2 * (min(below, above) + 1) / (len(drawn) + 1))


def _verdict(value: float, p: float, lower_is_better: bool) -> Verdict:
    if p >= SURE:
        return "unclear"
    return "better" if (value < 0) == lower_is_better else "worse"
