"""Answers that fit a regular expression.

Expressions are the user's, and some need longer than the universe for a short text. So each search has
a time limit, which the `regex` package keeps from inside its matching loop; the first search that
exceeds it ends the evaluation. Texts are as long as an answer can be, expressions 1,000 characters.
"""

from typing import Any

from alloyengine.errors import InputError
from alloyengine.evaluate.metrics.rule import Grade
from alloyengine.evaluate.metrics.text import same
from alloyengine.spec.evaluate import TestSet

SECONDS = 1.0  # of one search
_LONGEST = 1000  # characters of an expression


class Pattern:
    """A compiled expression whose searches end. Raises InputError for what is none."""

    def __init__(self, expression: str, flags: int = 0) -> None:
        import regex

        if len(expression) > _LONGEST:
            raise _wrong(expression, f"it is longer than {_LONGEST} characters")
        try:
            self._compiled: Any = regex.compile(expression, flags | regex.V0)
        except (regex.error, RecursionError, OverflowError, ValueError) as error:
            raise _wrong(expression, str(error)) from None
        self.expression = expression

    @property
    def has_groups(self) -> bool:
        return bool(self._compiled.groups)

    def found(self, text: str) -> bool:
        return self._bounded("search", text) is not None

    def findall(self, text: str) -> list[Any]:
        """As `re.findall`: texts, or tuples of groups where there are several."""
        return list(self._bounded("findall", text))

    def replaced(self, text: str, replacement: str, count: int = 0) -> str:
        return str(self._bounded("sub", replacement, text, count))

    def last_group(self, text: str) -> str | None:
        """What the first group caught the last time; None where nothing fits."""
        caught = self.findall(text)
        if not caught:
            return None
        return str(caught[-1][0] if isinstance(caught[-1], tuple) else caught[-1])

    def _bounded(self, search: str, *given: Any) -> Any:
        try:
            return getattr(self._compiled, search)(*given, timeout=SECONDS)
        except TimeoutError:
            raise InputError(
                "pattern_slow",
                f"The pattern {self.expression[:80]!r} took longer than {SECONDS:g} s on one text.",
                "Avoid repetitions within repetitions, such as (a+)+.",
            ) from None


def regex(test: TestSet) -> Grade:
    """With a `pattern`: it is found; where it has a group, that is what was expected, too. Without:
    the expected answer is the expression to be found.
    """
    if test.pattern is None:
        return lambda answer, expected: float(Pattern(expected).found(answer))
    pattern = Pattern(test.pattern)
    if not pattern.has_groups:
        return lambda answer, _: float(pattern.found(answer))

    def grade(answer: str, expected: str) -> float:
        caught = pattern.last_group(answer)
        return float(caught is not None and same(caught, expected))

    return grade


def _wrong(expression: str, why: str) -> InputError:
    shown = f"{expression[:80]!r} is no regular expression: {why}."
    return InputError("pattern_wrong", shown, "Correct it.")
