"""Jobs, found, and what their attempts told."""

from typing import Any
from uuid import UUID

from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import Mod, RowNumber

from alloyworks.accounts.models import User
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import NotFound
from alloyworks.jobs.models import Attempt, Event, Job, Metric
from alloyworks.jobs.states import SUCCEEDED
from alloyworks.rows import as_read

Point = tuple[int, float]  # step, value
# By hand: composing it anew for each request would take Django longer than all the rest.
_ONE = """
    SELECT jobs_job.*, accounts_user.email, accounts_user.name AS person, catalog_modelversion.id AS made
    FROM jobs_job LEFT JOIN accounts_user ON accounts_user.id = jobs_job.created_by_id
    LEFT JOIN catalog_modelversion ON catalog_modelversion.job_id = jobs_job.id
    WHERE jobs_job.organisation_id = %s AND jobs_job.id = %s
"""


def jobs_of(principal: Principal) -> QuerySet[Job]:
    principal.require("jobs.view")
    return Job.objects.filter(organisation=principal.organisation)


def listed(principal: Principal, **wanted: Any) -> QuerySet[Job]:
    """For lists: without the large columns, with whoever submitted it and the model it made."""
    rows = jobs_of(principal).filter(**{name: value for name, value in wanted.items() if value})
    related = rows.select_related("created_by", "model_version")
    return related.defer("spec", "result", "reports", "files", "model_version__files")


def get(principal: Principal, job_id: UUID) -> Job:
    principal.require("jobs.view")
    for job in Job.objects.raw(_ONE, [principal.organisation.id, job_id]):
        told = vars(job)
        if told["created_by_id"]:
            job.created_by = as_read(
                User, id=told["created_by_id"], email=told["email"], name=told["person"]
            )
        made = as_read(ModelVersion, id=told["made"]) if told["made"] else None
        Job._meta.get_field("model_version").set_cached_value(job, made)
        return job
    raise NotFound(f"There is no job {job_id}.")


def attempts_of(principal: Principal, job_id: UUID) -> QuerySet[Attempt]:
    return get(principal, job_id).attempts.all()


def events_after(principal: Principal, job_id: UUID, event_id: int, limit: int) -> list[Event]:
    """The next events in the order the platform learned of them."""
    events = get(principal, job_id).events.filter(id__gt=event_id)
    return list(events.order_by("id")[:limit])


def last_lines(job: Job, count: int = 5) -> dict[int, list[str]]:
    """What each attempt logged last, by its number."""
    newest = Window(RowNumber(), partition_by="attempt_number", order_by=F("id").desc())
    rows = Event.objects.filter(job=job, type="log").annotate(place=newest)
    found: dict[int, list[str]] = {}
    for row in rows.filter(place__lte=count).order_by("id"):
        found.setdefault(row.attempt_number, []).append(row.data["message"])
    return found


def curves(principal: Principal, job_id: UUID, points: int) -> dict[str, list[Point]]:
    """Every metric by its name; long ones thinned out evenly, to at most so many points."""
    rows = Metric.objects.filter(job=get(principal, job_id)).annotate(
        count=Window(Count("id"), partition_by="name"),
        # Counted from the end, as the last point must stay.
        place=Window(RowNumber(), partition_by="name", order_by=F("step").desc()),
    )
    kept = rows.annotate(off=Mod(F("place") - 1, 1 + (F("count") - 1) / points)).filter(off=0)
    found: dict[str, list[Point]] = {}
    for name, step, value in kept.order_by("name", "step").values_list("name", "step", "value"):
        found.setdefault(name, []).append((step, value))
    return found


def report(principal: Principal, job_id: UUID, name: str) -> dict[str, Any]:
    reports: dict[str, dict[str, Any]] = get(principal, job_id).reports
    if name not in reports:
        known = ", ".join(sorted(reports)) or "none"
        raise NotFound(f"The job has no report {name!r}; it has {known}.")
    return reports[name]


def model_id(job: Job) -> UUID | None:
    """The model that the job made."""
    model = getattr(job, "model_version", None) if job.state == SUCCEEDED else None
    return model.id if model else None
