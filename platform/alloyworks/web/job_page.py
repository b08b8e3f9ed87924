"""Everything that a job's page says, read in a handful of queries."""

import json
from dataclasses import dataclass
from typing import Any

import yaml
from django.core.exceptions import ObjectDoesNotExist
from django.urls import reverse
from django.utils.http import urlencode
from pydantic import ValidationError

from alloyengine.spec.interference import REPORT, compared_in
from alloyengine.spec.job import job_spec
from alloyengine.spec.merge import MergeSpec
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.catalog.models import ModelVersion
from alloyworks.jobs import deadline, outcomes, reading, waiting
from alloyworks.jobs.models import Attempt, Job, JobInput
from alloyworks.jobs.outcomes import Told
from alloyworks.jobs.states import CANCELLED, FAILED, UNFINISHED
from alloyworks.web import balance, candidates, choices, job_scores
from alloyworks.web.forms.recipe import lean, written
from alloyworks.web.job_log import lines_of
from alloyworks.web.scores import Head

LOG_LINES = 500  # on the page as it comes; the rest by the stream or as a file
ROLES = {
    "base_model": "Base",
    "tokenizer_source": "Vocabulary",
    "teacher": "Teacher",
    "replay": "Replay",
    "forgetting": "General set",
    "report": "Report",
    "dataset": "Dataset",
}


@dataclass(frozen=True)
class Input:
    """An input of a job, and where to read of it."""

    reference: str
    role: str
    head: Head
    note: str = ""
    compared: tuple[str, Any] | None = None  # as the comparison's address names it


@dataclass(frozen=True)
class Try:
    """An attempt, how it ended, and what it logged last."""

    attempt: Attempt
    outcome: Told | None
    lines: list[str]


def context_of(principal: Principal, job: Job) -> dict[str, Any]:
    inputs = inputs_of(job)
    names = names_of(inputs)
    unfinished = job.state in UNFINISHED
    submits = principal.may("jobs.submit")
    spec = _in_order(job)
    return {
        "job": job,
        "unfinished": unfinished,
        "stopping": unfinished and job.cancel_requested_at is not None,
        "may_cancel": unfinished and principal.may("jobs.cancel") and not job.cancel_requested_at,
        "may_retry": job.state in (FAILED, CANCELLED) and submits,
        "may_clone": submits,
        "inputs": inputs,
        "names": json.dumps(names),
        "outcome": outcomes.told(job.failure),
        "waiting": waiting.of(job),
        "ends_at": deadline.of(job),
        "attempts": (attempts := _attempts(job)),
        "last": attempts[0] if attempts else None,
        "lines": lines_of(job, names, LOG_LINES),
        "spec_yaml": yaml.safe_dump(spec, sort_keys=False, allow_unicode=True),
        "spec_json": json.dumps(spec, indent=2, ensure_ascii=False),
        "recipe_yaml": _recipe(principal, job, spec),
        "scans": _scans(job),
        "meets": _meets(job),
        "model": _model(job),
        "scores": job_scores.table(job, heads := {each.reference: each.head for each in inputs}),
        "costs": job_scores.taken(job, heads),
        "regressions": job_scores.regressions(job, heads),
        "balance": balance.drawn(job, heads) if job.kind == "moe" else None,
        "candidates": candidates.drawn(job, heads) if job.kind == "evolve" else None,
        "compare": _compared(inputs),
    }


def inputs_of(job: Job) -> list[Input]:
    """Each once, in the order of the spec."""
    rows = job.inputs.select_related("model_version", "dataset", "source_job")
    entries = {entry.reference: entry for entry in rows.order_by("id")}
    places = {ref.reference: ref.loc for ref in reversed(_references(job))}
    order = [name for name in reversed(places) if name in entries]
    left = [name for name in entries if name not in places]
    return [_input(entries[name], places.get(name, ())) for name in [*order, *left]]


def names_of(inputs: list[Input]) -> dict[str, str]:
    """What people call what the spec refers to."""
    return {entry.reference: entry.head.label for entry in inputs}


def _attempts(job: Job) -> list[Try]:
    """The last one first."""
    lines = reading.last_lines(job)
    rows = job.attempts.order_by("-number")
    return [Try(row, outcomes.told(row.failure), lines.get(row.number, [])) for row in rows]


def _references(job: Job) -> list[Any]:
    try:
        return job_spec.validate_python(job.spec).inputs()
    except ValidationError:  # it is of an earlier version
        return []


def _in_order(job: Job) -> dict[str, Any]:
    """The spec in its own order, which the database does not keep."""
    try:
        return job_spec.validate_python(job.spec).model_dump(mode="json")
    except ValidationError:
        found: dict[str, Any] = job.spec
        return found


def _recipe(principal: Principal, job: Job, spec: dict[str, Any]) -> str:
    """With names in place of ids, as the form takes it: of a merge, or the one that a search found."""
    if job.kind == "merge":
        return written(lean(spec), principal)
    if job.kind == "evolve" and job.result:
        found = {"kind": "merge", "recipe": job.result["recipe"]}
        return written(lean(found), principal)
    return ""


def _scans(job: Job) -> bool:
    """Whether there is, or will be, a map of signal-to-noise ratios: not of modules by name."""
    tuning = job.spec.get("tuning", {})
    return "snr" in job.reports or (
        tuning.get("method") == "spectrum" and not tuning.get("modules")
    )


def _meets(job: Job) -> bool:
    """Whether there is, or will be, a map of how the models of a merge meet."""
    if REPORT in job.reports:
        return True
    if job.kind != "merge" or job.state not in UNFINISHED:
        return False
    try:
        return bool(compared_in(MergeSpec.model_validate(job.spec)))
    except ValidationError:
        return False


def _input(entry: JobInput, loc: tuple[str | int, ...]) -> Input:
    role = next((ROLES[step] for step in loc if step in ROLES), "Model")
    if entry.dataset:
        head = _head(entry.dataset.name, "dataset", entry.dataset.id)
        return Input(entry.reference, role, head, "", ("datasets", entry.dataset.id))
    if entry.model_version:
        model = entry.model_version
        head = _head(versions.label(model), "model", model.id)
        return Input(entry.reference, role, head, choices.facts_of(model), ("models", model.id))
    if entry.source_job:
        source = entry.source_job
        head = _head(f"Model of {source.name}", "job", source.id)
        return Input(entry.reference, role, head, f"{source.kind} job, {source.state}")
    return Input(entry.reference, role, Head(entry.reference), "deleted")


def _head(label: str, page: str, key: Any) -> Head:
    return Head(label, reverse(page, args=[key]))


def _model(job: Job) -> ModelVersion | None:
    try:
        return job.model_version
    except ObjectDoesNotExist:
        return None


def _compared(inputs: list[Input]) -> str:
    """The comparison's address for the same models and test sets."""
    query = [entry.compared for entry in inputs if entry.compared]
    return f"{reverse('compare')}?{urlencode(query)}"
