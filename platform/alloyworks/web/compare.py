"""What the comparison page shows: which models and test sets have scores, and those chosen."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.http import urlencode

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets, evaluations, versions
from alloyworks.catalog.lineage import Edge, Node, lineage
from alloyworks.catalog.models import Evaluation, ModelVersion
from alloyworks.errors import NotFound
from alloyworks.web.choices import facts_of
from alloyworks.web.family import Tree, drawn, with_ancestors
from alloyworks.web.scores import Figure, Head, Table, asked, table_of

AT_FIRST = 8  # models, when none are chosen
MOST = 24  # models at once


@dataclass(frozen=True)
class Offer:
    """A box to tick."""

    value: str
    label: str
    note: str
    chosen: bool


@dataclass(frozen=True)
class Comparison:
    models: list[Offer]
    sets: list[Offer]
    table: Table | None
    references: list[Offer]
    family: Tree | None
    missing: str  # the address of the form that would fill the gaps


def comparison(
    principal: Principal, models: Sequence[UUID], sets: Sequence[str], reference: UUID | None
) -> Comparison:
    """`sets` are ids of datasets, and `task:NAME`. Nothing chosen means the newest of what there is.
    NotFound for what is not one's own.
    """
    scored = _scored(principal)
    _must_be_own(principal, sets, scored)
    offered = _models(principal, models, scored)
    shown = [m for m in offered if m.id in set(models)] if models else offered[-AT_FIRST:]
    shown = shown[:MOST]
    rows = evaluations.scores_of(principal, models=[m.id for m in shown]) if shown else []
    found = [row for row in rows if not sets or row.asked in sets]
    base = reference if reference in {m.id for m in shown} else _oldest(shown)
    table = _table(shown, found, base)
    return Comparison(
        models=[_offer(m, shown) for m in offered],
        sets=[
            Offer(key, head.label, "", chosen=not sets or key in sets)
            for key, head in _asked(scored).items()
        ],
        table=table if table.columns else None,
        references=[Offer(str(m.id), versions.label(m), "", m.id == base) for m in shown],
        family=_family(principal, shown),
        missing=_missing(shown, found),
    )


def _scored(principal: Principal) -> list[Evaluation]:
    """One row for every pair of model and test set or task."""
    rows = evaluations.scores_of(principal).select_related("model_version", "dataset")
    pair = ("model_version_id", "dataset_id", "task")
    return list(rows.order_by(*pair).distinct(*pair))


def _models(
    principal: Principal, wanted: Iterable[UUID], scored: Iterable[Evaluation]
) -> list[ModelVersion]:
    """Oldest first: those with scores, and the wanted ones even without."""
    found = {row.model_version_id: row.model_version for row in scored}
    found |= {key: versions.get(principal, key) for key in wanted if key not in found}
    return sorted(found.values(), key=lambda model: model.id)


def _must_be_own(principal: Principal, wanted: Iterable[str], scored: Iterable[Evaluation]) -> None:
    known = {row.asked for row in scored}
    for key in wanted:
        if key not in known:
            datasets.get(principal, id_of(key))


def id_of(text: str) -> UUID:
    """NotFound when it is none."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is nothing with the id {text[:80]!r} here.") from None


def _asked(rows: Iterable[Evaluation]) -> dict[str, Head]:
    """Test sets, the oldest first, then tasks by name."""
    return {row.asked: asked(row) for row in sorted(rows, key=lambda row: (row.task, row.asked))}


def _oldest(models: Sequence[ModelVersion]) -> UUID | None:
    """A base model where there is one: improvements are told against it."""
    bases = [model for model in models if model.origin == "base"]
    return next((model.id for model in [*bases, *models]), None)


def _table(models: Sequence[ModelVersion], rows: Iterable[Evaluation], base: Any) -> Table:
    found = list(rows)
    figures = [Figure.of(row) for row in found]
    heads = {m.id: Head(versions.label(m), reverse("model", args=[m.id])) for m in models}
    return table_of(figures, heads, _asked(found), base)


def _offer(model: ModelVersion, shown: Collection[ModelVersion]) -> Offer:
    return Offer(str(model.id), versions.label(model), facts_of(model), model in shown)


def _missing(models: Sequence[ModelVersion], rows: Iterable[Evaluation]) -> str:
    """All chosen models on all shown test sets: scores of one run are comparable."""
    found = {row.dataset_id for row in rows if row.dataset_id}
    query = [("model", str(model.id)) for model in models]
    query += [("dataset", str(key)) for key in sorted(found)]
    return f"{reverse('job-new', args=['evaluate'])}?{urlencode(query)}"


def _family(principal: Principal, models: Sequence[ModelVersion]) -> Tree | None:
    """The chosen models and all that they were made from."""
    nodes: dict[UUID, Node] = {}
    edges: set[Edge] = set()
    covered: set[UUID] = set()
    for model in sorted(models, key=lambda model: model.id, reverse=True):
        if model.id in covered:  # an ancestor's ancestors are known with it
            continue
        found = lineage(principal, model)
        covered |= with_ancestors([model.id], found.edges)
        nodes |= {node.id: node for node in found.nodes}
        edges |= set(found.edges)
    chosen = {model.id for model in models}
    return drawn(list(nodes.values()), sorted(edges), chosen)
