"""Model versions: made by jobs, found, downloaded, deleted."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet

from alloyengine.spec.doctor.licences import AND, UNKNOWN
from alloyworks.accounts import audit
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import manifest, needed
from alloyworks.catalog.manifest import Download, Entry
from alloyworks.catalog.models import ModelParent, ModelVersion
from alloyworks.errors import Conflict, Forbidden, NotFound
from alloyworks.jobs import clock
from alloyworks.jobs.models import Job, JobInput
from alloyworks.storage import objects


def models_of(principal: Principal) -> QuerySet[ModelVersion]:
    """The organisation's own models, and the base models that everyone has."""
    principal.require("models.view")
    own, base = Q(organisation=principal.organisation), Q(organisation=None)
    return ModelVersion.objects.filter(own | base)


def get(principal: Principal, model_id: UUID) -> ModelVersion:
    found = models_of(principal).filter(id=model_id).first()
    if found is None:
        raise NotFound(f"There is no model {model_id}.")
    return found


def downloads(principal: Principal, model_id: UUID) -> list[Download]:
    principal.require("models.download")
    model = get(principal, model_id)
    audit.note(principal, "model.download", model.id, label(model))
    return manifest.downloads(prefix_of(model), model.files, label(model))


def delete(principal: Principal, model_id: UUID) -> None:
    """With its files, its scores and its place in the family tree.

    Conflict while a job needs it, or it is served. Forbidden for base models, which are the operator's.
    """
    principal.require("models.delete")
    model = get(principal, model_id)
    if model.organisation_id is None:
        raise Forbidden("Base models belong to everyone here; only the operator removes them.")
    with transaction.atomic():
        if not ModelVersion.objects.select_for_update().filter(id=model.id).exists():
            raise NotFound(f"There is no model {model_id}.")
        needed.let_go(_inputs(model), f"The model {label(model)!r}")
        if endpoint := model.endpoints.first():
            told = f"The model {label(model)!r} answers as the endpoint {endpoint.name!r}."
            raise Conflict(f"{told} Delete that first, or put another version behind it.")
        # Should storage fail now, what is left there is found later.
        if model.job_id:
            Job.objects.filter(id=model.job_id).update(tidy_at=clock.now())
        model.delete()
        audit.note(principal, "model.delete", model_id, label(model))
        transaction.on_commit(lambda: objects.delete_prefix(prefix_of(model)))


def register(
    job: Job,
    origin: str,
    storage_prefix: str,
    files: list[Entry],
    facts: dict[str, Any],
    parents: Iterable[ModelVersion],
) -> ModelVersion:
    """The model that a job made, under the job's name and its next free version number.

    Without a licence of its own it is under its parents'. Runs inside the caller's transaction and scope.
    """
    parents = list(parents)
    model = ModelVersion.objects.create(
        organisation_id=job.organisation_id,
        name=job.name,
        version=_next_version(job.organisation_id, job.name),
        origin=origin,
        job=job,
        storage_prefix=storage_prefix,
        files=files,
        facts=facts | _licence(facts, parents),
    )
    ModelParent.objects.bulk_create(
        ModelParent(organisation_id=job.organisation_id, child=model, parent_id=parent)
        for parent in dict.fromkeys(parent.id for parent in parents)
    )
    return model


def prefix_of(model: ModelVersion) -> str:
    return model.storage_prefix


def label(model: ModelVersion) -> str:
    """How people call it: `elements v2`."""
    return f"{model.name} v{model.version}"


def _licence(facts: dict[str, Any], parents: Iterable[ModelVersion]) -> dict[str, str]:
    """Its own, or all that its parents are under. Nothing when none of them is known."""
    said = [facts.get("licence")] if facts.get("licence") else [_of(model) for model in parents]
    names = dict.fromkeys(name for licence in said for name in (licence or UNKNOWN).split(AND))
    return {"licence": AND.join(names)} if set(names) - {UNKNOWN} else {}


def _of(model: ModelVersion) -> str | None:
    found: str | None = model.facts.get("licence")
    return found


def _next_version(organisation: UUID, name: str) -> int:
    """Free until the transaction ends: whoever asks for the same name waits for it."""
    with connection.cursor() as cursor:
        words = f"model:{organisation}:{name}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [words])
    same = ModelVersion.objects.filter(organisation_id=organisation, name=name)
    newest: int | None = same.aggregate(newest=Max("version"))["newest"]
    return (newest or 0) + 1


def _inputs(model: ModelVersion) -> QuerySet[JobInput]:
    """By the model's own id, and by the job that made it: `job:<id>`."""
    named = Q(model_version=model)
    return JobInput.objects.filter(named | Q(source_job=model.job_id) if model.job_id else named)
