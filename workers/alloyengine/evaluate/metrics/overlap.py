"""How many words an answer shares with the expected one."""

import re
from collections import Counter
from collections.abc import Sequence

from alloyengine.evaluate.metrics.rule import Grade
from alloyengine.spec.evaluate import TestSet

_WORDS = re.compile(r"\w+")
_ARTICLES = frozenset({"a", "an", "the"})


def token_f1(_: TestSet) -> Grade:
    """As SQuAD counts it (arXiv 1606.05250): words in any order, without English articles."""

    def grade(answer: str, expected: str) -> float:
        said, wanted = _without_articles(answer), _without_articles(expected)
        shared = sum((Counter(said) & Counter(wanted)).values())
        return _f1(shared, len(said), len(wanted))

    return grade


def rouge_l(_: TestSet) -> Grade:
    """F1 of the longest common subsequence of words (Lin 2004), without stemming."""

    def grade(answer: str, expected: str) -> float:
        said, wanted = _words(answer), _words(expected)
        return _f1(longest_common(said, wanted), len(said), len(wanted))

    return grade


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence. Bits of one number are the row of the table that
    everybody fills cell by cell (Hyyrö 2004), so long answers cost little.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(first)) - 1
    row = every
    for word in second:
        met = row & places.get(word, 0)
        row = (row + met | row - met) & every
    return len(first) - row.bit_count()


def _f1(shared: int, said: int, wanted: int) -> float:
    """Two texts without words are equal."""
    if not said or not wanted:
        return float(said == wanted)
    return 2 * shared / (said + wanted)


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())


def _without_articles(text: str) -> list[str]:
    return [word for word in _words(text) if word not in _ARTICLES]
