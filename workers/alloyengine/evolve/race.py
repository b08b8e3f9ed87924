"""When a candidate may be given up: a race (Maron and Moore, "Hoeffding races", NeurIPS 1993).

The questions come in a random order, so those answered so far are a sample without replacement of a
finite set: how good the whole can be is bounded with confidence. A candidate whose bound is below what
it must reach is hopeless. Answers that are right or wrong have the hypergeometric distribution, whose
bound is exact; for others between 0 and 1 it is Serfling's inequality (Bardenet and Maillard,
"Concentration inequalities for sampling without replacement", Bernoulli 2015, corollary 2.5).
"""

import math
from dataclasses import dataclass

LOOKS = (0.2, 0.5)  # shares of the questions after which it may be given up
DOUBT = 0.05  # of giving up one that deserved better, all looks together


@dataclass(frozen=True)
class Tally:
    """What is known of a task: `gained` in the `asked` questions of `total`."""

    gained: float
    asked: int
    total: int
    yes_or_no: bool = True

    @property
    def mean(self) -> float:
        return self.gained / self.asked if self.asked else 0.0

    def highest(self, doubt: float) -> float:
        """The score of the whole is larger with no more than this probability."""
        if self.asked in (0, self.total):
            return self.mean if self.asked else 1.0
        certain = (self.gained + self.total - self.asked) / self.total
        if self.yes_or_no:
            return most_right(round(self.gained), self.asked, self.total, doubt) / self.total
        return min(certain, self.mean + serfling(self.asked, self.total, doubt))


def most_right(right: int, asked: int, total: int, doubt: float) -> int:
    """The most right answers among `total` with which `right` or fewer of `asked` are not rarer than
    `doubt`.
    """
    low, high = right, total - (asked - right)
    while low < high:
        middle = (low + high + 1) // 2
        if _at_most(right, asked, middle, total) >= doubt:
            low = middle
        else:
            high = middle - 1
    return low


def _at_most(right: int, asked: int, good: int, total: int) -> float:
    """The probability of drawing so few good ones."""
    least = max(0, asked - (total - good))
    ways = sum(
        math.comb(good, hits) * math.comb(total - good, asked - hits)
        for hits in range(least, min(right, good) + 1)
    )
    return ways / math.comb(total, asked)


def serfling(asked: int, total: int, doubt: float) -> float:
    """How far above the mean of some the mean of all may be, for numbers between 0 and 1."""
    left = 1 - (asked - 1) / total
    if asked > total / 2:
        left = (1 - asked / total) * (1 + 1 / asked)
    return math.sqrt(left * math.log(1 / doubt) / (2 * asked))
