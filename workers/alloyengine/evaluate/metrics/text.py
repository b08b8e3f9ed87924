"""Answers compared as text."""

import string

from alloyengine.evaluate.metrics.rule import Grade
from alloyengine.spec.evaluate import TestSet

_TRAILING = string.punctuation + string.whitespace


def exact_match(_: TestSet) -> Grade:
    return lambda answer, expected: float(same(answer, expected))


def contains(_: TestSet) -> Grade:
    """Regardless of case, and of how much white space there is."""
    return lambda answer, expected: float(_flat(expected) in _flat(answer))


def same(answer: str, expected: str) -> bool:
    """Without surrounding white space and trailing punctuation, regardless of case."""
    return _plain(answer) == _plain(expected)


def _plain(text: str) -> str:
    return text.strip().rstrip(_TRAILING).casefold()


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())
