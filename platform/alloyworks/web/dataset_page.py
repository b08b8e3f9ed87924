"""What the page of one dataset says, and the page on which it is uploaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import tokens, versions
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.catalog.tokencount import TOKENIZER
from alloyworks.errors import FieldError, NotFound, Problem
from alloyworks.web import histogram, preview

QUANTILES = {"min": "shortest", "p50": "median", "p90": "90%", "p99": "99%", "max": "longest"}
MOST_MODELS = 100
SHAPES = {
    "Chat": """{"messages": [
  {"role": "user",
   "content": "…"},
  {"role": "assistant",
   "content": "…"}]}""",
    "Prompt and completion": """{"prompt": "…",
 "completion": "…"}""",
    "Instruction": """{"instruction": "…",
 "input": "…", "output": "…"}""",
    "Preference": """{"prompt": "…",
 "chosen": "…",
 "rejected": "…"}""",
    "Plain text": """{"text": "…"}""",
}
"""What a line of each format looks like."""


@dataclass
class Faults:
    """Of an upload: said beside a field, or by line."""

    detail: str
    fields: dict[str, list[FieldError]] = field(default_factory=dict)
    lines: list[tuple[int, str, FieldError]] = field(default_factory=list)  # line, place, fault


def context_of(principal: Principal, dataset: Dataset) -> dict[str, Any]:
    models = _models(principal)
    return {
        "dataset": dataset,
        "examples": preview.examples_of(dataset),
        "size": size_of(dataset),
        "characters": quantiles(dataset.stats.get("characters", {})),
        "total": dataset.stats.get("characters", {}).get("total"),
        "models": models,
        "may_submit": principal.may("jobs.submit"),
        "may_download": principal.may("datasets.download"),
        "may_delete": principal.may("datasets.delete"),
        **_counted(dataset, models),
    }


def size_of(dataset: Dataset) -> int:
    """bytes"""
    return sum(entry["size"] for entry in dataset.files)


def lengths(found: Mapping[str, Any], model: ModelVersion) -> dict[str, Any]:
    """The histogram of token lengths, and what it says in figures."""
    return {
        "model": model,
        "counted": found,
        "chart": histogram.drawn(found["histogram"], found["tokens"], "tokens"),
        "figures": quantiles(found["tokens"]),
    }


def quantiles(summary: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(words, summary[name]) for name, words in QUANTILES.items() if name in summary]


def id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no model {text[:80]!r}.") from None


def faults_of(problem: Problem, form: forms.Form) -> Faults:
    """Sorted by where they are said."""
    found = Faults(problem.detail)
    for error in problem.errors:
        place = list(error.loc)
        if place[:1] == ["line"] and len(place) > 1:
            found.lines.append((int(place[1]), ".".join(map(str, place[2:])), error))
        elif place and place[0] in form.fields:
            found.fields.setdefault(str(place[0]), []).append(error)
    return found


def _models(principal: Principal) -> list[ModelVersion]:
    """Those whose tokenizer can count, base models first."""
    rows = versions.models_of(principal).filter(files__contains=[{"path": TOKENIZER}])
    return sorted(
        rows.order_by("-id")[:MOST_MODELS], key=lambda row: row.organisation_id is not None
    )


def _counted(dataset: Dataset, models: list[ModelVersion]) -> dict[str, Any]:
    """What was counted before, if anything; else the page asks for it when it is there."""
    known = dataset.stats.get(tokens.KEY, {})
    for model in models:
        if found := known.get(str(model.id)):
            return lengths(found, model)
    return {}
