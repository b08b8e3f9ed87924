"""What a form offers to choose from: models, models to come, and datasets."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets, versions
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.jobs import reading
from alloyworks.jobs.models import Job
from alloyworks.jobs.states import UNFINISHED

MOST = 500
MAKERS = ("train", "merge", "evolve", "moe")
TO_COME = "job:"


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    note: str = ""
    refused: str = ""  # why it can't be chosen
    layers: int | None = None


@dataclass(frozen=True)
class Group:
    label: str
    choices: list[Choice]


def of_models(principal: Principal, chosen: Collection[str] = ()) -> list[Group]:
    """Base models, the organisation's own, those that unfinished jobs will make, and `chosen`."""
    rows = versions.models_of(principal).defer("files").order_by("-id")
    jobs = reading.jobs_of(principal).filter(kind__in=MAKERS, state__in=UNFINISHED)
    groups = [
        Group("Base models", [_model(row) for row in rows.filter(organisation=None)[:MOST]]),
        Group("Your models", [_model(row) for row in rows.exclude(organisation=None)[:MOST]]),
        Group("Models that jobs are making", [_to_come(job) for job in _light(jobs)[:MOST]]),
    ]
    offered = {choice.value for group in groups for choice in group.choices}
    others = [other(principal, value) for value in chosen if value and value not in offered]
    return [group for group in [*groups, Group("Chosen before", others)] if group.choices]


def offered_datasets(principal: Principal) -> list[Dataset]:
    """The newest; what a list needs of them."""
    rows = datasets.datasets_of(principal).defer("stats", "preview", "files")
    return list(rows.order_by("-id")[:MOST])


def of_datasets(
    principal: Principal,
    offered: Sequence[Dataset],
    refusal: Callable[[Dataset], str],
    chosen: str = "",
) -> list[Group]:
    """Those that fit, then those that don't, with the reason; and `chosen`, whatever it is."""
    found = [_dataset(row, refusal(row)) for row in offered]
    groups = [
        Group("Datasets", [choice for choice in found if not choice.refused]),
        Group("These do not fit", [choice for choice in found if choice.refused]),
    ]
    if chosen and chosen not in {choice.value for choice in found}:
        old = datasets.datasets_of(principal).filter(id=_id(chosen)).first()
        groups.append(Group("Chosen before", [_dataset(old, "") if old else _gone(chosen)]))
    return [group for group in groups if group.choices]


def other(principal: Principal, reference: str) -> Choice:
    """A reference that is on no list: an old model, a finished job's, or nothing any more."""
    if reference.startswith(TO_COME):
        job = _light(reading.jobs_of(principal).filter(id=_id(reference))).first()
        return _to_come(job) if job else _gone(reference)
    model = versions.models_of(principal).filter(id=_id(reference)).first()
    return _model(model) if model else _gone(reference)


def facts_of(model: ModelVersion) -> str:
    """What tells models apart at a glance: size and architecture."""
    facts: dict[str, Any] = model.facts
    parts = [count_words(facts.get("parameters")), facts.get("architecture") or ""]
    return " · ".join(part for part in parts if part)


def count_words(count: int | None) -> str:
    """135M, 1.7B: as model names say it."""
    if not count:
        return ""
    for unit, size in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


def _light(jobs: Any) -> Any:
    return jobs.only("id", "name", "kind", "state", "organisation_id").order_by("-id")


def _model(row: ModelVersion) -> Choice:
    return Choice(str(row.id), versions.label(row), facts_of(row), layers=row.facts.get("layers"))


def _to_come(job: Job) -> Choice:
    return Choice(f"{TO_COME}{job.id}", f"Model of {job.name}", f"{job.kind} job, {job.state}")


def _dataset(row: Dataset, refused: str) -> Choice:
    rows = f"{row.train_rows:,} train, {row.test_rows:,} test rows"
    return Choice(str(row.id), row.name, f"{row.get_format_display()} · {rows}", refused)


def _gone(reference: str) -> Choice:
    return Choice(reference, "No longer there", reference)


def _id(reference: str) -> UUID:
    """Nobody's, when it is none."""
    try:
        return UUID(reference.removeprefix(TO_COME))
    except ValueError:
        return UUID(int=0)


def references(values: Iterable[str]) -> list[str]:
    """Without blanks and repetitions, in order."""
    return list(dict.fromkeys(value for value in values if value))
