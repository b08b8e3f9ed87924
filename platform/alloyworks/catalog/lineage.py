"""The family of a model: what it was made from, and what was made from it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db.models import QuerySet

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.catalog.models import ModelParent, ModelVersion

MOST = 500
"""A larger family is shown as its nearest members."""

Edge = tuple[UUID, UUID]
End = Literal["child_id", "parent_id"]


@dataclass(frozen=True)
class Node:
    id: UUID
    name: str
    version: int
    origin: str
    job_id: UUID | None


@dataclass(frozen=True)
class Lineage:
    """Nodes, oldest first, and edges from parent to child. Not `complete`: there are more."""

    nodes: list[Node]
    edges: list[Edge]
    complete: bool


def lineage(principal: Principal, model: ModelVersion) -> Lineage:
    """The model, and all its ancestors and descendants that the principal may see."""
    family = {model.id}
    _follow(family, {model.id}, "child_id", "parent_id", principal)
    _follow(family, {model.id}, "parent_id", "child_id", principal)
    found = versions.models_of(principal).filter(id__in=family).order_by("id")
    nodes = [Node(m.id, m.name, m.version, m.origin, m.job_id) for m in found]
    return Lineage(nodes, _edges(principal, family), complete=len(family) < MOST)


def lines(principal: Principal, models: Collection[ModelVersion]) -> dict[UUID, tuple[str, ...]]:
    """Of each model its label and those of its ancestors, the nearest first."""
    starts = {model.id for model in models}
    family = set(starts)
    visible = (None, principal.organisation.id)
    known = {model.id: model for model in models if model.organisation_id in visible}
    parents = _follow(family, starts, "child_id", "parent_id", principal)
    if unknown := family - set(known):
        rows = versions.models_of(principal).defer("files", "facts")
        known |= rows.in_bulk(unknown)
    labels = {identity: versions.label(model) for identity, model in known.items()}
    return {
        start: tuple(labels[i] for i in _line(start, parents) if i in labels) for start in starts
    }


def _line(start: UUID, parents: Mapping[UUID, list[UUID]]) -> list[UUID]:
    """Breadth first."""
    found = {start: None}
    queue = [start]
    for model in queue:
        new = [parent for parent in parents.get(model, ()) if parent not in found]
        found |= dict.fromkeys(new)
        queue += new
    return queue


def _follow(
    family: set[UUID], starts: set[UUID], near: End, far: End, principal: Principal
) -> dict[UUID, list[UUID]]:
    """Along the edges from their `near` to their `far` ends, one generation a query; enlarges the
    family. What each model of it leads to.
    """
    leads = defaultdict[UUID, list[UUID]](list)
    generation = starts
    while generation and len(family) < MOST:
        edges = _mine(principal).filter(**{f"{near}__in": generation}).order_by("id")
        reached = set[UUID]()
        for begin, end in edges.values_list(near, far)[:MOST]:
            leads[begin].append(end)
            reached.add(end)
        generation = set(sorted(reached - family)[: MOST - len(family)])
        family |= generation
    return leads


def _mine(principal: Principal) -> QuerySet[ModelParent]:
    return ModelParent.objects.filter(organisation=principal.organisation)


def _edges(principal: Principal, family: Iterable[UUID]) -> list[Edge]:
    inside = _mine(principal).filter(child_id__in=family, parent_id__in=family)
    return list(inside.order_by("id").values_list("parent_id", "child_id"))
