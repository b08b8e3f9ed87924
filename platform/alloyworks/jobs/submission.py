"""How a job comes into being."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from pydantic import BaseModel

from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.train import TrainSpec
from alloyworks.accounts import audit
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import names
from alloyworks.config import config
from alloyworks.jobs import deadline, reading, specs, tasks
from alloyworks.jobs.check import inputs_of
from alloyworks.jobs.history import note
from alloyworks.jobs.models import Job, JobInput
from alloyworks.jobs.references import Resolved
from alloyworks.jobs.specs import JobSpec
from alloyworks.jobs.states import QUEUED, WAITING


def submit(
    principal: Principal, spec: JobSpec | dict[str, Any], max_hours: float | None = None
) -> Job:
    """A new job with its inputs, all or nothing. Invalid tells everything that is wrong.

    It may run for `max_hours`, all its attempts together; without them for as long as the setting says.
    """
    principal.require("jobs.submit")
    limit = deadline.hours(max_hours)
    wanted = spec if isinstance(spec, BaseModel) else specs.read(spec)
    with transaction.atomic():
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
        )
        JobInput.objects.bulk_create(_rows(job, inputs))
        note(job, f"Submitted by {principal.user.email}.")
        tasks.hint(job)
        audit.note(principal, "job.submit", job.id, job.name, kind=job.kind)
    return job


def clone(principal: Principal, job_id: UUID) -> Job:
    """A new job with the same spec, checked anew."""
    job = reading.get(principal, job_id)
    return submit(principal, job.spec, job.max_hours)


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
        case EvaluateSpec():
            return f"Evaluate {models} model{'' if models == 1 else 's'}"
