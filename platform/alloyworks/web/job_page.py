"""Everything that a job's page says, read in a handful of queries."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from django.core.exceptions import ObjectDoesNotExist
from django.urls import reverse
from pydantic import ValidationError

from alloyengine.spec.job import job_spec
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.catalog.models import ModelVersion
from alloyworks.jobs.models import Event, Job, JobInput
from alloyworks.jobs.states import CANCELLED, FAILED, UNFINISHED
from alloyworks.web import choices
from alloyworks.web.scores import Figure, Head, Table, table_of

LOG_LINES = 500  # on the page as it comes; the rest by the stream or as a file


@dataclass(frozen=True)
class Input:
    """An input of a job, and where to read of it."""

    role: str
    head: Head
    note: str = ""


@dataclass(frozen=True)
class LogLine:
    id: int
    at: Any
    attempt: int
    level: str
    message: str


def context_of(principal: Principal, job: Job) -> dict[str, Any]:
    inputs = list(job.inputs.select_related("model_version", "dataset", "source_job"))
    unfinished = job.state in UNFINISHED
    submits = principal.may("jobs.submit")
    spec = _in_order(job.spec)
    return {
        "job": job,
        "unfinished": unfinished,
        "stopping": unfinished and job.cancel_requested_at is not None,
        "may_cancel": unfinished and principal.may("jobs.cancel") and not job.cancel_requested_at,
        "may_retry": job.state in (FAILED, CANCELLED) and submits,
        "may_clone": submits,
        "inputs": [_input(entry) for entry in inputs],
        "attempts": list(job.attempts.order_by("-number")),
        "lines": log_lines(job, LOG_LINES),
        "spec_yaml": yaml.safe_dump(spec, sort_keys=False, allow_unicode=True),
        "spec_json": json.dumps(spec, indent=2, ensure_ascii=False),
        "model": _model(job),
        "scores": _scores(job, inputs),
        "compare": _compared(inputs),
    }


def _in_order(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec's own order, which the database does not keep."""
    try:
        return job_spec.validate_python(spec).model_dump(mode="json")
    except ValidationError:  # it is of an earlier version
        return spec


def log_lines(job: Job, last: int | None = None) -> list[LogLine]:
    """Log lines and changes of state, oldest first; only the last so many when told."""
    rows = Event.objects.filter(job=job).order_by("-id")
    found = [_line(row) for row in (rows[:last] if last else rows.iterator())]
    return found[::-1]


def as_text(job: Job) -> Iterator[str]:
    for line in log_lines(job):
        at = line.at.strftime("%Y-%m-%d %H:%M:%S")
        yield f"{at} attempt {line.attempt} {line.level:7} {line.message}\n"


def _line(row: Event) -> LogLine:
    level = row.data.get("level", "info") if row.type == "log" else "state"
    return LogLine(row.id, row.at, row.attempt_number, level, row.data.get("message", ""))


def _input(entry: JobInput) -> Input:
    if entry.dataset:
        return Input("Dataset", _head(entry.dataset.name, "dataset", entry.dataset.id))
    if entry.model_version:
        model = entry.model_version
        head = _head(versions.label(model), "model", model.id)
        return Input("Model", head, choices.facts_of(model))
    if entry.source_job:
        job = entry.source_job
        return Input("Model", _head(f"Model of {job.name}", "job", job.id), f"job, {job.state}")
    return Input("Deleted", Head(entry.reference))


def _head(label: str, page: str, key: Any) -> Head:
    return Head(label, reverse(page, args=[key]))


def _model(job: Job) -> ModelVersion | None:
    try:
        return job.model_version
    except ObjectDoesNotExist:
        return None


def _scores(job: Job, inputs: list[JobInput]) -> Table | None:
    if not job.result or job.result["kind"] != "evaluate":
        return None
    heads = {entry.reference: _input(entry).head for entry in inputs}
    figures = [
        Figure(s["model"], s["dataset"], s["metric"], s["value"], s["stderr"], s["examples"])
        for s in job.result["scores"]
    ]
    models = {name: heads.get(name, Head(name)) for name in job.spec["models"]}
    sets = {row["dataset"]: heads.get(row["dataset"], Head("?")) for row in job.spec["test_sets"]}
    return table_of(figures, models, sets)


def _compared(inputs: list[JobInput]) -> str:
    """The comparison's address for the same models and test sets."""
    models = [f"models={entry.model_version_id}" for entry in inputs if entry.model_version_id]
    sets = [f"datasets={entry.dataset_id}" for entry in inputs if entry.dataset_id]
    return f"{reverse('compare')}?{'&'.join(models + sets)}"
