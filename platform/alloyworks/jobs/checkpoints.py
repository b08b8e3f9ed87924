"""Checkpoints of jobs: kept when they are complete, offered to the next attempt, swept away.

A runner uploads the files first and tells their manifest last, with its attempt's token. Only then
there is a row; files without one are nothing. They are safetensors and JSON that an engine of ours
wrote: nobody else has a way to put them there.
"""

from pathlib import PurePosixPath
from uuid import UUID

from django.db.models import QuerySet

from alloyengine.spec.protocol import CheckpointFacts, FileFacts, SavedCheckpoint
from alloyworks.errors import invalid
from alloyworks.jobs import lifecycle, tasks
from alloyworks.jobs.assignment import remote_files
from alloyworks.jobs.history import note
from alloyworks.jobs.models import Attempt, Checkpoint, Job
from alloyworks.jobs.states import RUNNING, STARTING
from alloyworks.jobs.stored import contradiction
from alloyworks.storage import keys, objects
from alloyworks.tenancy import scope

KEPT = 2  # of a job; the older one is for the day when the newer one is damaged
_KINDS = {".safetensors", ".json", ".jsonl"}


def prefix_of(attempt: Attempt, step: int) -> str:
    """Where an attempt puts the checkpoint after a step."""
    return keys.checkpoint_prefix(attempt.organisation_id, attempt.job_id, attempt.number, step)


def check_path(path: str) -> None:
    """Invalid when it can't be a checkpoint's."""
    if PurePosixPath(path).suffix not in _KINDS:
        kinds = ", ".join(sorted(_KINDS))
        raise invalid(["path"], f"{path!r} can't be in a checkpoint.", f"Only {kinds} may be.")


def register(attempt: Attempt, told: CheckpointFacts) -> Job:
    """The checkpoint is complete from now on. Raises StaleAttempt; Invalid when storage contradicts."""
    with scope(attempt.organisation_id):
        lifecycle.job_of(attempt)
    for file in told.files:
        check_path(file.path)
    if problem := contradiction(prefix_of(attempt, told.step), told.files):
        raise invalid(["files"], problem, "Upload the file again.")
    with scope(attempt.organisation_id):
        job = lifecycle.job_of(attempt)
        files = [file.model_dump() for file in told.files]
        Checkpoint.objects.update_or_create(
            organisation_id=job.organisation_id,
            job=job,
            attempt_number=attempt.number,
            step=told.step,
            defaults={"files": files},
        )
        _forget(newest_first(job)[KEPT:])
        tasks.sweep_checkpoints_after(job)
    return job


def newest_first(job: Job) -> QuerySet[Checkpoint]:
    return Checkpoint.objects.filter(job=job).order_by("-attempt_number", "-step")


def sound(job: Job) -> list[SavedCheckpoint]:
    """Those that are in storage as their rows say, the newest first; others are forgotten, which
    the job's log tells.
    """
    with scope(job.organisation_id):
        rows = list(newest_first(job))
    found = []
    for row in rows:
        prefix = keys.checkpoint_prefix(job.organisation_id, job.id, row.attempt_number, row.step)
        if problem := contradiction(prefix, [FileFacts(**file) for file in row.files]):
            _discard(job, row, problem)
            continue
        files = remote_files(prefix, row.files)
        found.append(SavedCheckpoint(attempt=row.attempt_number, step=row.step, files=files))
    return found


def sweep(job_id: UUID, organisation_id: UUID) -> None:
    """Deletes from storage what belongs to no row and is not on its way; twice is harmless."""
    with scope(organisation_id):
        job = Job.objects.filter(id=job_id).first()
        rows = list(Checkpoint.objects.filter(job=job_id).values_list("attempt_number", "step"))
    prefix = keys.checkpoints_prefix(organisation_id, job_id)
    for folder in objects.folders(prefix):
        number, _, step = folder.partition("-")
        if job is None or _is_over(job, rows, int(number), int(step)):
            objects.clear_prefix(f"{prefix}{folder}/")


def _is_over(job: Job, rows: list[tuple[int, int]], number: int, step: int) -> bool:
    """A runner sends its checkpoints one after the other: of its own, only later steps are to come."""
    if (number, step) in rows:
        return False
    if number == job.attempt_number and job.state in (STARTING, RUNNING):
        return any(step < kept for attempt, kept in rows if attempt == number)
    return number <= job.attempt_number


def _discard(job: Job, row: Checkpoint, problem: str) -> None:
    with scope(job.organisation_id):
        row.delete()
        note(job, f"The checkpoint after step {row.step} is of no use: {problem}")


def _forget(rows: QuerySet[Checkpoint]) -> None:
    Checkpoint.objects.filter(id__in=[row.id for row in rows]).delete()
