"""Datasets: upload, look at, count, download, delete."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import File, Form, Query, Router, Status
from ninja.files import UploadedFile
from pydantic import BaseModel, Field

from alloyworks.accounts.principal import principal_of
from alloyworks.api.files import DownloadOut, FileOut
from alloyworks.api.pagination import Cursor, Limit, Page, page_of
from alloyworks.api.problems import PROBLEMS
from alloyworks.catalog import datasets, examples, tokens
from alloyworks.catalog.models import Dataset, DatasetFormat

router = Router()


class DatasetOut(BaseModel):
    id: UUID
    name: str
    format: DatasetFormat
    columns: list[str] = Field(description="Of the uploaded file")
    train_rows: int
    test_rows: int
    files: list[FileOut] = Field(description="As they are stored: one example a line")
    stats: dict[str, Any] = Field(description="`rows`, and `characters`: lengths of examples")
    created_at: datetime
    created_by: str | None = Field(description="E-mail address; null when the person is gone")


class DatasetDetail(DatasetOut):
    preview: list[dict[str, Any]] = Field(description="The first rows of the uploaded file")


class Bin(BaseModel):
    """Examples of at least `start` and less than `end` tokens."""

    start: int
    end: int
    examples: int


class PieceOut(BaseModel):
    """Neighbouring tokens that are alike."""

    text: str
    more: int = Field(description="Characters that are not shown")
    trained: bool
    cut: bool = Field(description="Beyond max_length: neither seen nor learned")


class ExampleOut(BaseModel):
    title: str
    pieces: list[PieceOut]
    tokens: int
    trained: int
    cut: int
    alarm: str = Field(description="What is wrong with it; empty when nothing is")


class TokensOut(BaseModel):
    dataset_id: UUID
    model_id: UUID
    examples: int = Field(description="So many were counted")
    sampled: bool = Field(description="Not all of them: the dataset is too large for that")
    tokens: dict[str, float] = Field(
        description="Of those: total, mean, min, p10, p50, p90, p99, max. Without what a chat "
        "template adds."
    )
    histogram: list[Bin]


@router.post("", response={201: DatasetOut, **PROBLEMS}, summary="Upload a dataset")
def upload(
    request: HttpRequest,
    file: Annotated[UploadedFile, File(description="JSON Lines or CSV, in UTF-8")],
    name: Annotated[str, Form(description="How people call it")],
    test_percent: Annotated[
        int, Form(ge=0, le=100, description="Held out, unless the column `split` says it")
    ] = 10,
) -> Status[DatasetOut]:
    """Every line is checked. What is wrong is told line by line, and then nothing is stored."""
    principal = principal_of(request, "datasets.create")
    made = datasets.create(principal, name, file.name or "", file, test_percent)
    return Status(201, DatasetOut(**facts(made)))


@router.get("", response={200: Page[DatasetOut], **PROBLEMS}, summary="List datasets")
def list_datasets(
    request: HttpRequest, cursor: Cursor = None, limit: Limit = 50
) -> Page[DatasetOut]:
    rows = datasets.datasets_of(principal_of(request, "datasets.view"))
    found, following = page_of(rows.select_related("created_by").defer("preview"), cursor, limit)
    return Page(items=[DatasetOut(**facts(row)) for row in found], next=following)


@router.get("/{dataset_id}", response={200: DatasetDetail, **PROBLEMS}, summary="Show a dataset")
def show(request: HttpRequest, dataset_id: UUID) -> DatasetDetail:
    found = datasets.get(principal_of(request, "datasets.view"), dataset_id)
    return DatasetDetail(**facts(found), preview=found.preview)


@router.delete("/{dataset_id}", response={204: None, **PROBLEMS}, summary="Delete a dataset")
def delete(request: HttpRequest, dataset_id: UUID) -> Status[None]:
    """With its files and the scores measured on it. 409 while a job needs it."""
    datasets.delete(principal_of(request, "datasets.delete"), dataset_id)
    return Status(204, None)


@router.get(
    "/{dataset_id}/files", response={200: list[DownloadOut], **PROBLEMS}, summary="Download"
)
def files(request: HttpRequest, dataset_id: UUID) -> list[DownloadOut]:
    """Where train.jsonl and test.jsonl can be fetched."""
    found = datasets.downloads(principal_of(request, "datasets.download"), dataset_id)
    return [DownloadOut(**download) for download in found]


@router.get(
    "/{dataset_id}/tokens", response={200: TokensOut, **PROBLEMS}, summary="Count its tokens"
)
def count_tokens(
    request: HttpRequest,
    dataset_id: UUID,
    model: Annotated[UUID, Query(description="Whose tokenizer counts")],
) -> TokensOut:
    """How long the examples are for a model; counted once, then remembered."""
    principal = principal_of(request, "datasets.view")
    counted = tokens.lengths(principal, dataset_id, model)
    return TokensOut(dataset_id=dataset_id, model_id=model, **counted)


@router.get(
    "/{dataset_id}/examples", response={200: list[ExampleOut], **PROBLEMS}, summary="Show examples"
)
def show_examples(
    request: HttpRequest,
    dataset_id: UUID,
    model: Annotated[UUID, Query(description="Whose tokenizer and chat template are used")],
    objective: Annotated[Literal["sft", "cpt", "dpo", "distill"], Query()] = "sft",
    max_length: Annotated[int, Query(ge=8, le=131_072, description="Tokens of an example")] = 512,
) -> list[ExampleOut]:
    """The first rows as training would give them to a model: what is learned, what is cut off."""
    principal = principal_of(request, "datasets.view")
    found = examples.examples(principal, dataset_id, model, objective, max_length)
    return [ExampleOut.model_validate(example) for example in found]


def facts(row: Dataset) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "format": row.format,
        "columns": row.columns,
        "train_rows": row.train_rows,
        "test_rows": row.test_rows,
        "files": row.files,
        "stats": {name: value for name, value in row.stats.items() if name != tokens.KEY},
        "created_at": row.created_at,
        "created_by": row.created_by.email if row.created_by else None,
    }
