"""One model on one test set: what a job, a comparison and a search of recipes have in common."""

from collections.abc import Callable
from typing import Any

from alloyengine.evaluate.exact_match import exact_match
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.perplexity import perplexity
from alloyengine.evaluate.scores import Figure
from alloyengine.spec.evaluate import TestSet
from alloyengine.train.data import Messages

Advance = Callable[[int], None]
"""Told after each batch how many examples are done; may raise to stop."""


def score(
    loaded: Loaded, test: TestSet, rows: list[Messages | str], batch_size: int, advance: Advance
) -> tuple[Figure, list[dict[str, Any]]]:
    """The figure, and what each row gave, in the rows' order. `rows` are those of `read_examples`,
    or some of them. Raises InputError, and whatever `advance` raises.
    """
    if test.metric == "perplexity":
        return perplexity(loaded, rows, batch_size, advance)
    return exact_match(loaded, rows, test, batch_size, advance)
