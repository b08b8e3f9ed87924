"""Jobs, found."""

from uuid import UUID

from django.db.models import QuerySet

from alloyworks.accounts.principal import Principal
from alloyworks.errors import NotFound
from alloyworks.jobs.models import Job


def jobs_of(principal: Principal) -> QuerySet[Job]:
    principal.require("jobs.view")
    return Job.objects.filter(organisation=principal.organisation)


def get(principal: Principal, job_id: UUID) -> Job:
    found = jobs_of(principal).select_related("created_by", "model_version").filter(id=job_id)
    job = found.first()
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job
