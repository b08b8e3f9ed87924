"""The metrics of test sets, as tables, pages and comparisons need to know them.

How each is computed is in `alloyengine.evaluate`; a test keeps both lists equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Metric = Literal[
    "exact_match",
    "contains",
    "regex",
    "numeric",
    "token_f1",
    "rouge_l",
    "json_valid",
    "multiple_choice",
    "multiple_choice_norm",
    "win_rate",
    "perplexity",
]


@dataclass(frozen=True)
class About:
    """What a score of the metric means."""

    label: str
    meaning: str
    lower_is_better: bool = False
    share: bool = True  # from 0 to 1
    texts: bool = False  # reads plain text, too
    answers: bool = True  # looks at what a model says; not at how likely it finds something


METRICS: Mapping[str, About] = MappingProxyType(
    {
        "exact_match": About("Exact match", "Share of answers that say exactly what was expected"),
        "contains": About("Contains", "Share of answers in which the expected text stands"),
        "regex": About("Pattern", "Share of answers that fit a regular expression"),
        "numeric": About("Number", "Share of answers whose last number is near the expected one"),
        "token_f1": About("Token F1", "Overlap of words with the expected answer, in any order"),
        "rouge_l": About("ROUGE-L", "Longest common subsequence of words with the expected answer"),
        "json_valid": About("Valid JSON", "Share of answers that are JSON, and fit the schema"),
        "multiple_choice": About(
            "Multiple choice",
            "Share of questions whose right choice is the likeliest",
            answers=False,
        ),
        "multiple_choice_norm": About(
            "Multiple choice, by length",
            "The same, by log-likelihood a character",
            answers=False,
        ),
        "win_rate": About("Win rate", "Share of answers that a judge prefers; a tie is a half"),
        "perplexity": About(
            "Perplexity",
            "How surprised the model is by the text",
            lower_is_better=True,
            share=False,
            texts=True,
            answers=False,
        ),
    }
)
