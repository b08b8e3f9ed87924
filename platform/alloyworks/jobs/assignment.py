"""What a runner needs to know: the spec, and where each input's files can be fetched."""

from typing import Any

from alloyengine.spec.protocol import Assignment, RemoteFile, ResolvedInput
from alloyworks.catalog import datasets, versions
from alloyworks.jobs.models import Attempt, Job, JobInput
from alloyworks.storage import keys, objects

GOOD_FOR = 6 * 3600  # seconds; a large model on a slow line


def assignment_of(attempt: Attempt, job: Job) -> Assignment:
    inputs = job.inputs.select_related("model_version", "dataset")
    return Assignment(
        job=job.id,
        attempt=attempt.number,
        spec=job.spec,
        inputs=[_resolved(entry) for entry in inputs],
    )


def _resolved(entry: JobInput) -> ResolvedInput:
    if entry.dataset is not None:
        prefix, found = datasets.prefix_of(entry.dataset), entry.dataset
        return ResolvedInput(
            reference=entry.reference,
            kind="dataset",
            name=found.name,
            files=remote_files(prefix, found.files),
        )
    model = entry.model_version
    if model is None:
        raise LookupError(f"input {entry.reference} of job {entry.job_id} is not there")
    return ResolvedInput(
        reference=entry.reference,
        kind="model",
        name=model.name,
        files=remote_files(versions.prefix_of(model), model.files),
    )


def remote_files(prefix: str, entries: list[dict[str, Any]]) -> list[RemoteFile]:
    return [
        RemoteFile(**entry, url=objects.presign_get(keys.key(prefix, entry["path"]), GOOD_FOR))
        for entry in entries
    ]
