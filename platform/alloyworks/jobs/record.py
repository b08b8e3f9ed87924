"""Writes down what a runner tells of its attempt: logs, progress, metrics, reports."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from alloyengine.spec.protocol import Event as Told
from alloyengine.spec.protocol import LogEvent, MetricEvent, ProgressEvent, ReportEvent
from alloyworks.jobs import clock
from alloyworks.jobs.models import Attempt, Event, Job, Metric


def record(attempt: Attempt, job: Job, events: Iterable[Told]) -> None:
    """The job's row is locked by the caller. Events that were told before change nothing."""
    metrics: dict[str, dict[int, float]] = defaultdict(dict)
    logs, reports, progress = [], {}, None
    for event in events:
        match event.body:
            case LogEvent():
                logs.append(_log(attempt, event, event.body))
            case MetricEvent(name=name, step=step, value=value):
                metrics[name][step] = value
            case ReportEvent(name=name, data=data):
                reports[storable(name)] = storable(data)
            case ProgressEvent():
                progress = storable(event.body.model_dump(exclude={"type"}))
    Event.objects.bulk_create(logs, ignore_conflicts=True)
    for name, points in metrics.items():
        _replace(job, storable(name), points)
    if progress or reports:
        job.progress = progress or job.progress
        job.reports |= reports
        job.save(update_fields=["progress", "reports"])


def _log(attempt: Attempt, event: Told, body: LogEvent) -> Event:
    return Event(
        organisation_id=attempt.organisation_id,
        job_id=attempt.job_id,
        attempt_number=attempt.number,
        seq=event.seq,
        at=event.at,
        type="log",
        data={"level": body.level, "message": storable(body.message)},
    )


def _replace(job: Job, name: str, points: dict[int, float]) -> None:
    """New rows instead of changed ones: whoever follows the curve looks for new ids."""
    now = clock.now()
    Metric.objects.filter(job=job, name=name, step__in=points).delete()
    Metric.objects.bulk_create(
        Metric(
            organisation_id=job.organisation_id,
            job=job,
            name=name,
            step=step,
            value=value,
            at=now,
        )
        for step, value in points.items()
    )


def storable(value: Any) -> Any:
    """Without the characters that PostgreSQL refuses: U+0000 and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode(errors="replace").decode()
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value
