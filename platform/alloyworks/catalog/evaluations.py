"""What evaluations said of models, kept and found again."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from alloyengine.spec.metrics import METRICS
from alloyengine.spec.result import Score, TaskScore
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset, Evaluation, ModelVersion
from alloyworks.jobs.models import Job


def record(
    job: Job,
    scores: Iterable[Score],
    models: Mapping[str, ModelVersion],
    datasets: Mapping[str, Dataset],
    tasks: Iterable[TaskScore] = (),
) -> None:
    """Writes the scores of a finished job; models and datasets are named as in its spec.

    Runs inside the caller's transaction and scope. What the job was not asked about is left out:
    a runner's word is not enough to score some other model.
    """
    of_sets = (
        _row(
            job,
            models[score.model],
            score,
            dataset=datasets[score.dataset],
            metric=score.metric,
            lower_is_better=METRICS[score.metric].lower_is_better,
        )
        for score in scores
        if score.model in models and score.dataset in datasets
    )
    of_tasks = (
        _row(
            job,
            models[score.model],
            score,
            task=score.task,
            metric=score.called,
            lower_is_better=score.lower_is_better,
        )
        for score in tasks
        if score.model in models
    )
    Evaluation.objects.bulk_create([*of_sets, *of_tasks])


def _row(job: Job, model: ModelVersion, score: Score | TaskScore, **asked: Any) -> Evaluation:
    return Evaluation(
        organisation_id=job.organisation_id,
        job=job,
        model_version=model,
        value=score.value,
        stderr=score.stderr,
        examples=score.examples,
        **asked,
    )


def scores_of(
    principal: Principal, *, models: Iterable[UUID] = (), datasets: Iterable[UUID] = ()
) -> QuerySet[Evaluation]:
    """The organisation's scores of these models on these datasets (none given: all), newest last."""
    principal.require("models.view")
    found = Evaluation.objects.filter(organisation=principal.organisation)
    if wanted := list(models):
        found = found.filter(model_version__in=wanted)
    if wanted := list(datasets):
        found = found.filter(dataset__in=wanted)
    return found.select_related("model_version", "dataset", "job").order_by("id")
