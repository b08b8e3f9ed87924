"""Which datasets suit which job, in few words for the lists of a form.

The rules are `jobs.check`'s, which has the last word when the job is submitted.
"""

from alloyworks.catalog.models import Dataset
from alloyworks.jobs.check import READABLE


def unfit_for_training(dataset: Dataset) -> str:
    """Why supervised fine-tuning can't learn from it; empty when it can."""
    if dataset.format not in READABLE["sft"]:
        return f"{dataset.get_format_display()} have no answer to learn"
    return "" if dataset.train_rows else "it has no training rows"


def unfit_for_testing(dataset: Dataset, metric: str) -> str:
    """Why the metric can't be taken on its test split; empty when it can."""
    if dataset.format not in READABLE.get(metric, ()):
        return f"{dataset.get_format_display()} has no answers for {metric.replace('_', ' ')}"
    return "" if dataset.test_rows else "it has no test rows"
