"""The last number of an answer against the expected one."""

import math
import re

from alloyengine.errors import InputError
from alloyengine.evaluate.metrics.rule import Grade
from alloyengine.spec.evaluate import TestSet

# Nothing is repeated within a repetition that could begin in two ways: linear time.
_WHOLE = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)"
_NUMBER = re.compile(
    rf"(?<![\w.])[-+−]?\$?(?:{_WHOLE}(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{{1,3}})?", re.ASCII
)
_ROUNDING = 1e-9  # binary fractions aside, 0.1 + 0.2 is 0.3


def numeric(test: TestSet) -> Grade:
    """Right within `tolerance`, a share of the expected number."""

    def grade(answer: str, expected: str) -> float:
        wanted, said = last_number(expected), last_number(answer)
        if wanted is None:
            raise InputError(
                "dataset_columns",
                f"numeric needs numbers, and an expected answer has none: {expected[:80]!r}.",
                "Score the test set by another metric.",
            )
        room = max(test.tolerance, _ROUNDING) * abs(wanted)
        return float(said is not None and math.isclose(said, wanted, rel_tol=0, abs_tol=room))

    return grade


def last_number(text: str) -> float | None:
    """Also 1,234.5 and 1e-3. None where there is none."""
    found = _NUMBER.findall(text)
    if not found:
        return None
    return float(found[-1].replace(",", "").replace("$", "").replace("−", "-"))
