"""What evaluations said of models, kept and found again."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db.models import QuerySet

from alloyengine.spec.result import Score
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset, Evaluation, ModelVersion
from alloyworks.jobs.models import Job


def record(
    job: Job,
    scores: Iterable[Score],
    models: Mapping[str, ModelVersion],
    datasets: Mapping[str, Dataset],
) -> None:
    """Writes the scores of a finished job; models and datasets are named as in its spec.

    Runs inside the caller's transaction and scope. What the job was not asked about is left out:
    a runner's word is not enough to score some other model.
    """
    Evaluation.objects.bulk_create(
        Evaluation(
            organisation_id=job.organisation_id,
            job=job,
            model_version=models[score.model],
            dataset=datasets[score.dataset],
            metric=score.metric,
            value=score.value,
            stderr=score.stderr,
            examples=score.examples,
        )
        for score in scores
        if score.model in models and score.dataset in datasets
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
