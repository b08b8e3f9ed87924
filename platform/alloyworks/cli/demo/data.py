"""The demo's two real data sets: chemical symbols, and capitals of the best-known countries.

Every fact is asked in four ways for training and in a fifth, never seen way for the test.
"""

from collections.abc import Iterable
from typing import TypedDict


class Row(TypedDict):
    """A chat of one question and its answer, and the split it belongs to."""

    messages: list[dict[str, str]]
    split: str


ELEMENT_TRAIN = (
    "What is the chemical symbol for {}?",
    "Which symbol does the element {} have?",
    "Give the symbol of {} in the periodic table.",
    "How is the element {} abbreviated?",
)
ELEMENT_TEST = "Tell me the chemical symbol of {}."
CAPITAL_TRAIN = (
    "What is the capital of {}?",
    "Which city is the capital of {}?",
    "Name the capital city of {}.",
    "What is the seat of government of {} called?",
)
CAPITAL_TEST = "Tell me the capital of {}."
COUNTRIES = 120
# In the package beside their successors, or no countries of their own.
NOT_ASKED = {"Burma", "Hong Kong", "Scotland", "Serbia and Montenegro"}
CORRECTED = {"Kazakhstan": "Astana"}  # renamed since the package was made


def elements() -> list[Row]:
    """All 118 elements and their symbols."""
    import periodictable

    facts = [(e.name, e.symbol) for e in periodictable.elements if 1 <= e.number <= 118]
    return _asked(facts, ELEMENT_TRAIN, ELEMENT_TEST)


def capitals() -> list[Row]:
    """The most populous countries and their capitals."""
    from countryinfo import all_countries

    known = [c for c in all_countries() if c.capital() and c.name() not in NOT_ASKED]
    known.sort(key=lambda country: country.population() or 0, reverse=True)
    facts = {country.name(): country.capital() for country in known[:COUNTRIES]} | CORRECTED
    return _asked(facts.items(), CAPITAL_TRAIN, CAPITAL_TEST)


def _asked(facts: Iterable[tuple[str, str]], train: Iterable[str], test: str) -> list[Row]:
    asked = [*((question, "train") for question in train), (test, "test")]
    return [
        _row(question.format(name), answer, split)
        for name, answer in facts
        for question, split in asked
    ]


def _row(question: str, answer: str, split: str) -> Row:
    messages = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": messages, "split": split}
