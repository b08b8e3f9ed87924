"""Datasets: made from an upload, found, deleted."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from alloyworks.accounts import audit
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import manifest, names, needed
from alloyworks.catalog.ingest.lines import Source
from alloyworks.catalog.ingest.pipeline import Ingested, ingest
from alloyworks.catalog.manifest import Download
from alloyworks.catalog.models import Dataset
from alloyworks.errors import NotFound
from alloyworks.ids import new_id
from alloyworks.jobs.models import JobInput
from alloyworks.storage import keys, objects
from alloyworks.usage import limits

FILES = ("train.jsonl", "test.jsonl")


def create(
    principal: Principal, name: str, filename: str, stream: Source, test_percent: int = 10
) -> Dataset:
    """Checks and stores an uploaded JSONL or CSV file. Invalid tells what is wrong, line by line.

    All or nothing: a row in the database, and both files of it in storage.
    """
    principal.require("datasets.create")
    name = names.checked(name)
    limits.refuse_upload(principal.organisation.id, getattr(stream, "size", 0))
    with tempfile.TemporaryDirectory(prefix="alloy-dataset-") as folder:
        found = ingest(stream, filename, Path(folder), test_percent)
        made = _store(principal, name, Path(folder), found)
    audit.note(principal, "dataset.create", made.id, made.name)
    return made


def datasets_of(principal: Principal) -> QuerySet[Dataset]:
    principal.require("datasets.view")
    return Dataset.objects.filter(organisation=principal.organisation)


def get(principal: Principal, dataset_id: UUID) -> Dataset:
    found = datasets_of(principal).filter(id=dataset_id).first()
    if found is None:
        raise NotFound(f"There is no dataset {dataset_id}.")
    return found


def delete(principal: Principal, dataset_id: UUID) -> None:
    """With its files and the scores measured on it. Conflict while a job needs it."""
    principal.require("datasets.delete")
    dataset = get(principal, dataset_id)
    prefix = prefix_of(dataset)
    with transaction.atomic():
        if not Dataset.objects.select_for_update().filter(id=dataset.id).exists():
            raise NotFound(f"There is no dataset {dataset_id}.")
        needed.let_go(JobInput.objects.filter(dataset=dataset), f"The dataset {dataset.name!r}")
        dataset.delete()
        audit.note(principal, "dataset.delete", dataset_id, dataset.name)
        transaction.on_commit(lambda: objects.delete_prefix(prefix))


def downloads(principal: Principal, dataset_id: UUID) -> list[Download]:
    principal.require("datasets.download")
    dataset = get(principal, dataset_id)
    audit.note(principal, "dataset.download", dataset.id, dataset.name)
    return manifest.downloads(prefix_of(dataset), dataset.files, dataset.name)


def prefix_of(dataset: Dataset) -> str:
    return keys.dataset_prefix(dataset.organisation_id, dataset.id)


def _store(principal: Principal, name: str, folder: Path, found: Ingested) -> Dataset:
    dataset = Dataset(
        id=new_id(),
        organisation=principal.organisation,
        created_by=principal.user,
        name=name,
        format=found.format,
        columns=found.columns,
        train_rows=found.train_rows,
        test_rows=found.test_rows,
        files=manifest.describe(folder, FILES),
        stats=found.stats,
        preview=found.preview,
    )
    limits.refuse_bytes(principal.organisation.id, sum(file["size"] for file in dataset.files))
    with ExitStack() as undo:
        undo.callback(objects.delete_prefix, prefix_of(dataset))
        manifest.upload(folder, prefix_of(dataset), dataset.files)
        dataset.save(force_insert=True)
        undo.pop_all()
    return dataset
