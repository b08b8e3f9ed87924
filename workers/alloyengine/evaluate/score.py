"""One model on one test set: what a job, a comparison and a search of recipes have in common."""

from typing import Any

from alloyengine.evaluate.answering import answered
from alloyengine.evaluate.choosing import chosen
from alloyengine.evaluate.examples import Advance, Choices, Row
from alloyengine.evaluate.metrics import ANSWERED
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.perplexity import perplexity
from alloyengine.evaluate.scores import Figure
from alloyengine.spec.evaluate import TestSet


def score(
    loaded: Loaded, test: TestSet, rows: list[Row], batch_size: int, advance: Advance
) -> tuple[Figure, list[dict[str, Any]]]:
    """The figure, and what each row gave, in the rows' order. `rows` are those of `read_examples`,
    or some of them. All metrics but win_rate, which needs a judge. Raises InputError, and whatever
    `advance` raises.
    """
    if test.metric in ANSWERED:
        return answered(loaded, rows, test, batch_size, advance)
    if test.metric == "perplexity":
        texts = [row for row in rows if not isinstance(row, Choices)]
        return perplexity(loaded, texts, batch_size, advance)
    asked = [row for row in rows if isinstance(row, Choices)]
    return chosen(loaded, asked, test, batch_size, advance)
