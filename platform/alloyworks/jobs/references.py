"""The rows behind the references of a spec, held so that nobody deletes them meanwhile."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet

from alloyengine.spec.base import InputRef
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets, versions
from alloyworks.catalog.ingest.faults import shown
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.errors import FieldError
from alloyworks.jobs import reading
from alloyworks.jobs.models import Job
from alloyworks.jobs.states import CANCELLED, FAILED, SUCCEEDED

TO_COME = "job:"
MAKING_MODELS = ("train", "merge", "evolve", "moe")
RETRY = "Retry that job first, or use another model."

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Resolved:
    """An input of a spec and the row behind it: a dataset, a model, or a job that makes a model.

    Once that job has succeeded, its model is there as well.
    """

    ref: InputRef
    dataset: Dataset | None = None
    model: ModelVersion | None = None
    source: Job | None = None

    @property
    def identity(self) -> UUID | None:
        """Equal for two references to the same thing."""
        row = self.model or self.source or self.dataset
        return row.pk if row else None

    @property
    def label(self) -> str:
        if self.model is not None:
            return versions.label(self.model)
        return f"the model of the job {self.source.name!r}" if self.source else self.ref.reference


def resolve(
    principal: Principal, refs: Iterable[InputRef]
) -> tuple[list[Resolved], list[FieldError]]:
    """What was found, and a fault for each of the rest. Runs inside the caller's transaction.

    What is unknown, malformed, or another organisation's is told in the same words.
    """
    wanted = list(refs)
    rows = _Rows(principal, wanted)
    found, faults = [], []
    for ref in wanted:
        try:
            found.append(rows.behind(ref))
        except _Unusable as fault:
            faults.append(FieldError(ref.loc, fault.msg, fault.remedy))
    return found, faults


class _Unusable(Exception):
    def __init__(self, msg: str, remedy: str) -> None:
        super().__init__(msg)
        self.msg, self.remedy = msg, remedy


class _Rows:
    """Everything that a spec may mean by its references, in a query a table."""

    def __init__(self, principal: Principal, refs: list[InputRef]) -> None:
        named = {"model": set[UUID](), "dataset": set[UUID](), "job": set[UUID]()}
        for ref in refs:
            kind, text = _split(ref)
            if identity := _id(text):
                named[kind].add(identity)
        jobs = reading.jobs_of(principal).select_related("model_version")
        self.jobs = _held(jobs.defer("result", "reports", "model_version__files"), named["job"])
        made = {job.model_version.id for job in self.jobs.values() if _has_model(job)}
        models = versions.models_of(principal).defer("files")
        self.models = _held(models, named["model"] | made)
        lean = datasets.datasets_of(principal).defer("files", "stats", "preview")
        self.datasets = _held(lean, named["dataset"])

    def behind(self, ref: InputRef) -> Resolved:
        """Raises _Unusable."""
        kind, text = _split(ref)
        identity = _id(text)
        if kind == "job":
            return self._to_come(ref, self.jobs.get(identity) if identity else None, text)
        rows: dict[UUID, Any] = self.models if kind == "model" else self.datasets
        row = rows.get(identity) if identity else None
        if row is None:
            where = f"They are listed at /{kind}s/ and by GET /api/v1/{kind}s."
            raise _Unusable(f"There is no {kind} {shown(text)}.", where)
        return Resolved(ref, model=row) if kind == "model" else Resolved(ref, dataset=row)

    def _to_come(self, ref: InputRef, job: Job | None, text: str) -> Resolved:
        if job is None:
            where = "They are listed at /jobs/ and by GET /api/v1/jobs."
            raise _Unusable(f"There is no job {shown(text)}.", where)
        if job.kind not in MAKING_MODELS:
            remedy = (
                f"Use a job that makes one: {', '.join(MAKING_MODELS[:-1])} or {MAKING_MODELS[-1]}."
            )
            raise _Unusable(f"The job {job.name!r} makes no model: its kind is {job.kind}.", remedy)
        if job.state in (FAILED, CANCELLED):
            ended = "failed" if job.state == FAILED else "was cancelled"
            raise _Unusable(f"The job {job.name!r} {ended}, so there is no model of it.", RETRY)
        if job.state != SUCCEEDED:
            return Resolved(ref, source=job)
        model = self.models.get(job.model_version.id) if _has_model(job) else None
        if model is None:
            raise _Unusable(f"The model of the job {job.name!r} was deleted.", "Use another model.")
        return Resolved(ref, model=model, source=job)


def _split(ref: InputRef) -> tuple[str, str]:
    if ref.kind == "model" and ref.reference.startswith(TO_COME):
        return "job", ref.reference.removeprefix(TO_COME)
    return ref.kind, ref.reference


def _id(text: str) -> UUID | None:
    """Only the usual spelling: Python's UUID would also read braces and underscores."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def _held(rows: QuerySet[Row], ids: set[UUID]) -> dict[UUID, Row]:
    """Rows by id, which nobody changes or deletes until the transaction ends.

    Base models can't be held by the app role, nor can it delete them.
    """
    if not ids:
        return {}
    with connection.cursor() as cursor:
        table = rows.model._meta.db_table
        # Always in the same order: two who want the same rows don't wait for each other.
        hold = f"SELECT FROM {table} WHERE id = ANY(%s) ORDER BY id FOR SHARE"
        cursor.execute(hold, [sorted(ids)])
    return rows.in_bulk(ids)


def _has_model(job: Job) -> bool:
    return getattr(job, "model_version", None) is not None
