"""Which datasets suit which job, in few words for the lists of a form.

The rules are `jobs.check`'s, which has the last word when the job is submitted.
"""

from alloyworks.catalog.models import Dataset
from alloyworks.jobs.check import READABLE


def unfit_for_training(dataset: Dataset, objective: str) -> str:
    """Why the objective can't learn from it; empty when it can, or when nobody knows the objective."""
    if objective in READABLE and dataset.format not in READABLE[objective]:
        lacks = "no rejected answers" if objective == "dpo" else "no answer to learn"
        return f"{dataset.get_format_display()} have {lacks}"
    return "" if dataset.train_rows else "it has no training rows"


def unfit_for_scoring(dataset: Dataset) -> str:
    """Why no loss can be taken on its rows, whichever they are; empty when one can."""
    fits = dataset.format in READABLE["perplexity"]
    return "" if fits else f"{dataset.get_format_display()} have no single answer"


def unfit_for_testing(dataset: Dataset, metric: str) -> str:
    """Why the metric can't be taken on its test split; empty when it can."""
    if dataset.format not in READABLE.get(metric, ()):
        return f"{dataset.get_format_display()} has no answers for {metric.replace('_', ' ')}"
    return "" if dataset.test_rows else "it has no test rows"
