"""Which datasets suit which job, in words for the lists of a form.

The rules themselves are `jobs.check`'s, which has the last word when the job is submitted.
"""

from alloyworks.catalog.models import Dataset, DatasetFormat


def unfit_for_training(dataset: Dataset) -> str:
    """Why supervised fine-tuning can't learn from it; empty when it can."""
    if dataset.format == DatasetFormat.PREFERENCE:
        return "Preference pairs have no single answer to learn"
    if not dataset.train_rows:
        return "It has no train rows"
    return ""


def unfit_for_testing(dataset: Dataset, metric: str) -> str:
    """Why the metric can't be taken on its test split; empty when it can."""
    if not dataset.test_rows:
        return "It has no test rows"
    if dataset.format == DatasetFormat.PREFERENCE:
        return "Preference pairs have no single answer to compare with"
    if metric == "exact_match" and dataset.format == DatasetFormat.TEXT:
        return "Plain text has no answers; perplexity fits"
    return ""
