"""How a job comes into being."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from pydantic import BaseModel

from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.moe import MoeSpec
from alloyengine.spec.train import TrainSpec
from alloyworks.accounts import audit
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import names
from alloyworks.config import config
from alloyworks.errors import invalid
from alloyworks.jobs import deadline, reading, specs, tasks
from alloyworks.jobs.check import inputs_of
from alloyworks.jobs.history import note
from alloyworks.jobs.models import Job, JobInput
from alloyworks.jobs.references import Resolved
from alloyworks.jobs.specs import JobSpec
from alloyworks.jobs.states import QUEUED, WAITING
from alloyworks.usage import limits

HIGHEST = 10


def submit(
    principal: Principal,
    spec: JobSpec | dict[str, Any],
    max_hours: float | None = None,
    priority: int = 0,
) -> Job:
    """A new job with its inputs, all or nothing. Invalid tells everything that is wrong.

    It may run for `max_hours`, all its attempts together; without them for as long as the setting says.
    Of the organisation's own jobs one of a higher `priority` goes first.
    """
    principal.require("jobs.submit")
    limit = deadline.hours(max_hours)
    wanted = spec if isinstance(spec, BaseModel) else specs.read(spec)
    with transaction.atomic():
        limits.refuse_job(principal.organisation.id)
        inputs = inputs_of(principal, wanted)
        job = Job.objects.create(
            organisation=principal.organisation,
            created_by=principal.user,
            name=wanted.name.strip() or _default_name(wanted, inputs),
            kind=wanted.kind,
            spec=wanted.model_dump(mode="json"),
            state=QUEUED if all(_is_there(item) for item in inputs) else WAITING,
            attempt_limit=config.max_attempts,
            max_hours=limit,
            priority=_checked(priority),
        )
        JobInput.objects.bulk_create(_rows(job, inputs))
        note(job, f"Submitted by {principal.user.email}.")
        tasks.hint(job)
        audit.note(principal, "job.submit", job.id, job.name, kind=job.kind)
    return job


def clone(principal: Principal, job_id: UUID) -> Job:
    """A new job with the same spec, checked anew."""
    job = reading.get(principal, job_id)
    return submit(principal, job.spec, job.max_hours, job.priority)


def _checked(priority: int) -> int:
    if not -HIGHEST <= priority <= HIGHEST:
        remedy = f"Use -{HIGHEST} to {HIGHEST}; 0 is the usual."
        raise invalid(["priority"], f"{priority} is no priority.", remedy)
    return priority


def _is_there(item: Resolved) -> bool:
    return bool(item.model or item.dataset)


def _rows(job: Job, inputs: Iterable[Resolved]) -> Iterable[JobInput]:
    """One for each distinct reference."""
    for item in {item.ref.reference: item for item in inputs}.values():
        yield JobInput(
            organisation_id=job.organisation_id,
            job=job,
            reference=item.ref.reference,
            model_version=item.model,
            dataset=item.dataset,
            source_job=item.source,
        )


def _default_name(spec: JobSpec, inputs: Iterable[Resolved]) -> str:
    models = len({item.identity for item in inputs if not item.dataset})
    match spec:
        case TrainSpec():
            taught = next(item.dataset.name for item in inputs if item.dataset)
            return f"Train {taught}"[: names.LONGEST]
        case MergeSpec():
            return f"Merge of {models} models"
        case MoeSpec():
            return f"Mixture of {len(spec.recipe.experts)} experts"
        case EvaluateSpec():
            return f"Evaluate {models} model{'' if models == 1 else 's'}"
        case EvolveSpec():
            return f"Evolved merge of {models} models"
