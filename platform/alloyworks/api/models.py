"""Models: own and base ones, their files, family and scores."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from alloyworks.accounts.principal import principal_of
from alloyworks.api.files import DownloadOut, FileOut
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.catalog import evaluations, lineage, versions
from alloyworks.catalog.models import Evaluation, ModelVersion

router = Router()
Origin = Literal["base", "train", "merge", "evolve", "moe"]
Wanted = Annotated[Origin | None, Query(description="Only models that came about like this")]


class ModelOut(BaseModel):
    id: UUID
    name: str
    version: int
    origin: Origin
    base: bool = Field(description="Everyone's, put here by the operator")
    source: str = Field(description="Of a base model: the package or the hub's commit, if any")
    created_at: datetime
    size: int = Field(description="bytes, all files together")
    files: list[FileOut]
    facts: dict[str, Any] = Field(
        description="architecture, parameters, dtype, and as far as known layers, hidden_size, "
        "vocabulary, context, licence and what tells whether models fit one another"
    )
    parents: list[UUID] = Field(description="The models that it was made from")
    job_id: UUID | None = Field(description="The job that made it")


class NodeOut(BaseModel):
    id: UUID
    name: str
    version: int
    origin: Origin
    job_id: UUID | None


class LineageOut(BaseModel):
    nodes: list[NodeOut] = Field(description="The model itself too; oldest first")
    edges: list[tuple[UUID, UUID]] = Field(description="From parent to child")
    complete: bool = Field(description="False: a family so large that only the nearest are here")


class ScoreOut(BaseModel):
    id: UUID
    model_id: UUID
    dataset_id: UUID | None = Field(description="The test set; null for a task")
    dataset_name: str | None
    task: str | None = Field(description="Of lm-evaluation-harness; null for a test set")
    metric: str
    lower_is_better: bool
    value: float
    stderr: float | None
    examples: int
    job_id: UUID
    created_at: datetime


@router.get("", response={200: Page[ModelOut], **PROBLEMS}, summary="List models")
def list_models(
    request: HttpRequest, origin: Wanted = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[ModelOut]:
    """The organisation's own, and the base models that everyone has."""
    rows = versions.models_of(principal_of(request, "models.view"))
    if origin:
        rows = rows.filter(origin=origin)
    found, following = page_of(rows.prefetch_related("parent_edges"), cursor, limit)
    return Page(items=[model_out(row) for row in found], next=following)


@router.get("/{model_id}", response={200: ModelOut, **PROBLEMS}, summary="Show a model")
def show(request: HttpRequest, model_id: UUID) -> ModelOut:
    return model_out(versions.get(principal_of(request, "models.view"), model_id))


@router.delete("/{model_id}", response={204: None, **PROBLEMS}, summary="Delete a model")
def delete(request: HttpRequest, model_id: UUID) -> Status[None]:
    """With its files and scores. 409 while a job needs it; 403 for base models."""
    versions.delete(principal_of(request, "models.delete"), model_id)
    return Status(204, None)


@router.get("/{model_id}/files", response={200: list[DownloadOut], **PROBLEMS}, summary="Download")
def files(request: HttpRequest, model_id: UUID) -> list[DownloadOut]:
    """Where each file can be fetched: a folder that transformers loads."""
    found = versions.downloads(principal_of(request, "models.download"), model_id)
    return [DownloadOut(**download) for download in found]


@router.get(
    "/{model_id}/lineage", response={200: LineageOut, **PROBLEMS}, summary="Show its family"
)
def show_lineage(request: HttpRequest, model_id: UUID) -> LineageOut:
    """What it was made from, and what was made from it, over all generations."""
    principal = principal_of(request, "models.view")
    found = lineage.lineage(principal, versions.get(principal, model_id))
    nodes = [NodeOut.model_validate(node, from_attributes=True) for node in found.nodes]
    return LineageOut(nodes=nodes, edges=found.edges, complete=found.complete)


@router.get(
    "/{model_id}/scores", response={200: Page[ScoreOut], **PROBLEMS}, summary="List its scores"
)
def list_scores(
    request: HttpRequest, model_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[ScoreOut]:
    principal = principal_of(request, "models.view")
    model = versions.get(principal, model_id)
    rows = evaluations.scores_of(principal, models=[model.id])
    found, following = page_of(rows, cursor, limit)
    return Page(items=[score_out(row) for row in found], next=following)


def model_out(row: ModelVersion) -> ModelOut:
    return ModelOut.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "version": row.version,
            "origin": row.origin,
            "base": row.organisation_id is None,
            "source": row.source,
            "created_at": row.created_at,
            "size": sum(file["size"] for file in row.files),
            "files": row.files,
            "facts": row.facts,
            "parents": [edge.parent_id for edge in row.parent_edges.all()],
            "job_id": row.job_id,
        }
    )


def score_out(row: Evaluation) -> ScoreOut:
    return ScoreOut(
        id=row.id,
        model_id=row.model_version_id,
        dataset_id=row.dataset_id,
        dataset_name=row.dataset.name if row.dataset else None,
        task=row.task or None,
        metric=row.metric,
        lower_is_better=row.lower_is_better,
        value=row.value,
        stderr=row.stderr,
        examples=row.examples,
        job_id=row.job_id,
        created_at=row.created_at,
    )
