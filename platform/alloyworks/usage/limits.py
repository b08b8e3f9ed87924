"""What an organisation may use, and whether it still may.

Near a limit numbers are compared under a lock of the organisation that is held until the transaction
ends: of fifty requests at once that each would be the last one allowed, one is let in.
"""

from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from alloyworks.config import config
from alloyworks.errors import TooLarge, TooMany
from alloyworks.jobs.models import Job
from alloyworks.jobs.states import RUNNING, STARTING, UNFINISHED
from alloyworks.usage.models import Limits
from alloyworks.usage.months import next_month, this_month

NEAR = 100  # jobs: no more are submitted in the same moment
ASK = "Ask the operator of this deployment for more."
_STARTED = (STARTING, RUNNING)


STORED = """
    SELECT coalesce(sum((file->>'size')::bigint), 0) FROM (
        SELECT files FROM catalog_dataset WHERE organisation_id = %(organisation)s
        UNION ALL SELECT files FROM catalog_modelversion WHERE organisation_id = %(organisation)s
        UNION ALL SELECT files FROM jobs_job
        WHERE organisation_id = %(organisation)s AND files <> '[]'
    ) manifests, jsonb_array_elements(files) file
"""
USED = """
    SELECT count(*) FILTER (WHERE state = ANY(%(started)s)), count(*), (
        SELECT coalesce(sum(seconds * gpus), 0) / 3600 FROM usage_usage
        WHERE organisation_id = %(organisation)s AND begun_at >= %(month)s
    ), (
        SELECT coalesce(sum(seconds), 0) / 3600 FROM usage_usage
        WHERE organisation_id = %(organisation)s AND begun_at >= %(month)s
    )
    FROM jobs_job WHERE organisation_id = %(organisation)s AND state = ANY(%(unfinished)s)
"""


@dataclass(frozen=True)
class Allowance:
    """None: without a limit."""

    running_jobs: int | None
    open_jobs: int | None
    gpu_hours: float | None
    job_hours: float | None
    storage_bytes: int | None
    upload_bytes: int | None


@dataclass(frozen=True)
class Used:
    running_jobs: int
    open_jobs: int
    gpu_hours: float
    job_hours: float
    storage_bytes: int


def allowance(organisation: UUID) -> Allowance:
    own = Limits.objects.filter(organisation_id=organisation).first()
    return Allowance(**{f.name: _limit(own, f.name) for f in fields(Allowance)})


def used(organisation: UUID) -> Used:
    """Now, and in this calendar month."""
    wanted: dict[str, Any] = {
        "organisation": organisation,
        "started": list(_STARTED),
        "unfinished": list(UNFINISHED),
        "month": this_month(),
    }
    with connection.cursor() as cursor:
        cursor.execute(USED, wanted)
        running, open_jobs, gpu_hours, job_hours = cursor.fetchone()
    return Used(running, open_jobs, gpu_hours, job_hours, stored(organisation))


def refuse_job(organisation: UUID) -> None:
    """TooMany when one job more would be too many, or the month's hours are used up."""
    may, has = allowance(organisation), used(organisation)
    if may.open_jobs is not None and has.open_jobs >= may.open_jobs - NEAR:
        _alone(organisation)
        has = used(organisation)
    if may.open_jobs is not None and has.open_jobs >= may.open_jobs:
        raise TooMany(
            f"{has.open_jobs} jobs are waiting or running; {may.open_jobs} may. "
            "Wait until one ends, or cancel one."
        )
    for what, limit, spent in (
        ("GPU-hours", may.gpu_hours, has.gpu_hours),
        ("hours of jobs", may.job_hours, has.job_hours),
    ):
        if limit is not None and spent >= limit:
            raise TooMany(
                f"This month's {limit:g} {what} are used up ({spent:.1f}). Wait until the month "
                f"ends (UTC). {ASK}",
                retry_after=_until_next_month(),
            )
    if may.storage_bytes is not None and has.storage_bytes >= may.storage_bytes:
        raise _full(has.storage_bytes, may.storage_bytes)


def refuse_upload(organisation: UUID, size: int) -> None:
    """TooLarge for a file of so many bytes that is larger than this organisation's may be."""
    limit = allowance(organisation).upload_bytes
    if limit is not None and size > limit:
        raise TooLarge(f"The file has {size:,} bytes; {limit:,} are allowed. Divide it.")


def refuse_bytes(organisation: UUID, more: int) -> None:
    """TooMany when so many bytes more do not fit."""
    limit = allowance(organisation).storage_bytes
    if limit is None:
        return
    _alone(organisation)
    has = stored(organisation)
    if has + more > limit:
        raise _full(has, limit)


def may_start(organisation: UUID) -> bool:
    """Whether one job more may run now. The caller's transaction starts it."""
    limit = allowance(organisation).running_jobs
    if limit is None:
        return True
    _alone(organisation)
    return running(organisation) < limit


def running(organisation: UUID) -> int:
    active = Job.objects.filter(organisation_id=organisation, state__in=_STARTED)
    return active.count()


def stored(organisation: UUID) -> int:
    """Bytes of all datasets, models and answers, as their manifests say."""
    with connection.cursor() as cursor:
        cursor.execute(STORED, {"organisation": organisation})
        return int(cursor.fetchone()[0])


def _limit(own: Limits | None, name: str) -> Any:
    value = getattr(own, name) if own else None
    setting = (
        config.upload_max_bytes if name == "upload_bytes" else getattr(config, f"limit_{name}")
    )
    return setting if value is None else value


def _alone(organisation: UUID) -> None:
    with connection.cursor() as cursor:
        name = f"limits:{organisation}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _full(has: int, limit: int) -> TooMany:
    return TooMany(
        f"Storage is full: {has:,} of {limit:,} bytes are used. Delete datasets or models. {ASK}"
    )


def _until_next_month() -> int:
    return round((next_month(this_month()) - timezone.now()).total_seconds())
