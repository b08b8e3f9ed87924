"""Metrics of answers: each takes an answer and what was expected, and gives a number from 0 to 1.

text.py      exact_match, contains
pattern.py   regex, and patterns that can't run for ever
number.py    numeric
overlap.py   token_f1, rouge_l
document.py  json_valid

What a metric is called and means is told in `alloyengine.spec.metrics`. A new one: a function in one
of these files, a line here and one there.
"""

from alloyengine.evaluate.metrics.document import json_valid
from alloyengine.evaluate.metrics.number import numeric
from alloyengine.evaluate.metrics.overlap import rouge_l, token_f1
from alloyengine.evaluate.metrics.pattern import regex
from alloyengine.evaluate.metrics.rule import Rule
from alloyengine.evaluate.metrics.text import contains, exact_match

ANSWERED: dict[str, Rule] = {
    "exact_match": exact_match,
    "contains": contains,
    "regex": regex,
    "numeric": numeric,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
    "json_valid": json_valid,
}

__all__ = ["ANSWERED", "Rule"]
