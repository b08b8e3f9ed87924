"""What the page of one model says."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import reverse

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import evaluations, versions
from alloyworks.catalog import lineage as kin
from alloyworks.catalog.models import ModelVersion
from alloyworks.web import family
from alloyworks.web.choices import count_words
from alloyworks.web.scores import Figure, Head, Table, asked, table_of

FACTS = {
    "architecture": "Architecture",
    "parameters": "Parameters",
    "dtype": "Weights",
    "layers": "Layers",
    "hidden_size": "Hidden size",
    "vocabulary": "Vocabulary",
    "context": "Context",
    "licence": "Licence",
}


def context_of(principal: Principal, model: ModelVersion) -> dict[str, Any]:
    parents = parents_of(principal, model)
    found = kin.lineage(principal, model)
    own = model.organisation_id is not None
    return {
        "model": model,
        "label": versions.label(model),
        "own": own,
        "size": size_of(model),
        "facts": list(facts_of(model)),
        "parents": parents,
        "job": model.job if own else None,
        "family": family.drawn(found.nodes, found.edges, {model.id}, whole=True),
        "family_complete": found.complete,
        "scores": scores(principal, [*parents, model]),
        "compare": _compared([*parents, model]),
        "may_submit": principal.may("jobs.submit"),
        "may_download": principal.may("models.download"),
        "may_delete": own and principal.may("models.delete"),
    }


def facts_of(model: ModelVersion) -> Iterator[tuple[str, str]]:
    """Those that are known, as words."""
    for name, words in FACTS.items():
        value = model.facts.get(name)
        if name == "parameters":
            value = count_words(value)
        if value:
            yield words, f"{value:,}" if isinstance(value, int) else str(value)


def size_of(model: ModelVersion) -> int:
    """bytes"""
    return sum(entry["size"] for entry in model.files)


def parents_of(principal: Principal, model: ModelVersion) -> list[ModelVersion]:
    mine = versions.models_of(principal).filter(child_edges__child=model)
    return list(mine.order_by("child_edges__id"))


def scores(principal: Principal, models: Sequence[ModelVersion]) -> Table | None:
    """Of the last of them, beside its parents; the differences are those to the first."""
    rows = list(evaluations.scores_of(principal, models=[model.id for model in models]))
    if not any(row.model_version_id == models[-1].id for row in rows):
        return None
    figures = [Figure.of(row) for row in rows]
    known = {figure.model for figure in figures}
    heads = {
        model.id: Head(versions.label(model), reverse("model", args=[model.id]))
        for model in models
        if model.id in known
    }
    sets = {row.asked: asked(row) for row in rows}
    reference = models[0].id if len(heads) > 1 and models[0].id in known else None
    return table_of(figures, heads, sets, reference)


def _compared(models: Sequence[ModelVersion]) -> str:
    return f"{reverse('compare')}?" + "&".join(f"models={model.id}" for model in models)
