"""Everything that can be said against a job before it is accepted, said at once."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from alloyengine.spec.doctor import Report
from alloyengine.spec.doctor.report import error
from alloyengine.spec.evaluate import EvaluateSpec, TestSet
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.metrics import METRICS
from alloyengine.spec.moe import MoeSpec
from alloyengine.spec.train import TrainSpec
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import names
from alloyworks.catalog.models import Dataset, DatasetFormat
from alloyworks.errors import FieldError, Invalid
from alloyworks.jobs import merging, specs, upcycling
from alloyworks.jobs.references import Resolved, resolve
from alloyworks.jobs.specs import JobSpec

_ANSWERS = (DatasetFormat.CHAT, DatasetFormat.PROMPT, DatasetFormat.INSTRUCTION)

# What each objective and metric can read; plain text is learned and scored whole.
READABLE = {
    "sft": (*_ANSWERS, DatasetFormat.TEXT),
    "cpt": (*_ANSWERS, DatasetFormat.TEXT),
    "dpo": (DatasetFormat.PREFERENCE,),
    "distill": (*_ANSWERS, DatasetFormat.TEXT),
} | {
    name: (*_ANSWERS, DatasetFormat.TEXT) if about.texts else _ANSWERS
    for name, about in METRICS.items()
}
COLUMNS = {
    DatasetFormat.CHAT: "messages",
    DatasetFormat.PROMPT: "prompt and completion",
    DatasetFormat.INSTRUCTION: "instruction and output",
    DatasetFormat.TEXT: "text",
    DatasetFormat.PREFERENCE: "chosen and rejected",
}


def check(principal: Principal, spec: Any) -> None:
    """Invalid tells all that is wrong with a spec; nothing is stored."""
    principal.require("jobs.submit")
    with transaction.atomic():
        inputs_of(principal, specs.read(spec))


def examine(principal: Principal, spec: Any) -> Report:
    """All that submitting the spec would be refused for, as errors, and what else is to be known.

    Raises Invalid when the spec can't be read; nothing is stored.
    """
    principal.require("jobs.submit")
    wanted = specs.read(spec)
    with transaction.atomic():
        inputs, faults = _looked_at(principal, wanted)
        report = Report(findings=[])
        if isinstance(wanted, MergeSpec | EvolveSpec):
            report = merging.examined(principal, wanted, inputs)
        if isinstance(wanted, EvolveSpec):  # what one merge takes says nothing of a search
            report = report.model_copy(update={"estimate": None})
    refused = [error("invalid", tuple(fault.loc), fault.msg, fault.remedy) for fault in faults]
    return report.model_copy(update={"findings": [*refused[: specs.MOST], *report.findings]})


def inputs_of(principal: Principal, spec: JobSpec) -> list[Resolved]:
    """What the spec refers to, provided that the job can be done. Raises Invalid.

    Runs inside the caller's transaction: what was found stays until it ends.
    """
    inputs, faults = _looked_at(principal, spec)
    if isinstance(spec, MergeSpec | EvolveSpec):
        faults += merging.faults_of(principal, spec, inputs)
    if faults:
        raise specs.refused(faults[: specs.MOST])
    return inputs


def _looked_at(principal: Principal, spec: JobSpec) -> tuple[list[Resolved], list[FieldError]]:
    """What the spec refers to, and all that is wrong, but for what the merge doctor says."""
    inputs, faults = resolve(principal, spec.inputs())
    faults += _name_faults(spec)
    match spec:
        case TrainSpec():
            faults += _train_faults(spec, inputs)
        case MoeSpec():
            faults += upcycling.faults_of(spec, inputs)
        case EvaluateSpec():
            faults += _evaluate_faults(spec, inputs)
        case EvolveSpec():
            faults += _evolve_faults(spec, inputs)
    return inputs, faults


def _name_faults(spec: JobSpec) -> list[FieldError]:
    if not spec.name.strip():
        return []  # it will get one
    try:
        names.checked(spec.name)
    except Invalid as problem:
        return problem.errors
    return []


def _train_faults(spec: TrainSpec, inputs: Sequence[Resolved]) -> Iterator[FieldError]:
    if spec.save == "delta":
        remedy = "Use model. Of what you download, alloy make-delta makes a delta."
        yield FieldError(("save",), "A version here is a whole model, not a delta.", remedy)
    for item in inputs:
        if item.dataset is not None:
            general = item.ref.loc[0] == "forgetting"  # only scored
            method = "perplexity" if general else spec.objective.method
            yield from _unreadable(method, item.dataset, item.ref.loc)
            if not item.dataset.train_rows and not (general and item.dataset.test_rows):
                remedy = "Upload it again with a smaller test_percent."
                msg = f"The dataset {item.dataset.name!r} has no training rows."
                yield FieldError(item.ref.loc, msg, remedy)


def _evaluate_faults(spec: EvaluateSpec, inputs: Sequence[Resolved]) -> Iterator[FieldError]:
    if spec.judge is not None:
        remedy = "Ask a judge by alloy evaluate on a machine of your own."
        yield FieldError(("judge",), "A job reaches no judge.", remedy)
    yield from _without_choices(spec.test_sets, "test_sets")
    seen = set[tuple[UUID | None, str]]()
    for item in inputs:
        metric = ""
        if item.ref.loc[0] in ("tasks", "mixtures"):
            continue  # several may read the same documents, or be made of the same models
        if item.dataset is not None:
            metric = spec.test_sets[int(item.ref.loc[1])].metric
            yield from _unasked(metric, item.dataset, item.ref.loc)
        if (item.identity, metric) in seen:
            yield FieldError(item.ref.loc, _twice(item, metric), "Remove one of them.")
        seen.add((item.identity, metric))


def _evolve_faults(spec: EvolveSpec, inputs: Sequence[Resolved]) -> Iterator[FieldError]:
    yield from _without_choices(spec.tasks, "tasks")
    searched = {item.identity for item in inputs if item.ref.loc[-1] == "dataset"}
    for item in inputs:
        if item.dataset is None:
            continue
        yield from _unasked(spec.tasks[int(item.ref.loc[1])].metric, item.dataset, item.ref.loc)
        if item.ref.loc[-1] == "report" and item.identity in searched:
            msg = f"The dataset {item.dataset.name!r} would be searched by and reported on."
            remedy = "Name another, or none: then half of the test split is kept for the report."
            yield FieldError(item.ref.loc, msg, remedy)


def _unasked(metric: str, dataset: Dataset, loc: Sequence[str | int]) -> Iterator[FieldError]:
    """Why a test set can't be asked."""
    yield from _unreadable(metric, dataset, loc)
    if not dataset.test_rows:
        remedy = "Upload it again with a larger test_percent."
        yield FieldError(loc, f"The dataset {dataset.name!r} has no test rows.", remedy)


def _without_choices(tests: Sequence[TestSet], place: str) -> Iterator[FieldError]:
    """Rows of a dataset have no choices of their own."""
    for i, test in enumerate(tests):
        if test.metric.startswith("multiple_choice") and not test.choices:
            remedy = "List the choices that all questions of the test set have."
            yield FieldError((place, i, "choices"), "choices is missing.", remedy)


def _twice(item: Resolved, metric: str) -> str:
    if item.dataset is not None:
        return f"The dataset {item.dataset.name!r} is there twice with {metric}."
    return f"{item.label} is there twice."


def _unreadable(method: str, dataset: Dataset, loc: Sequence[str | int]) -> Iterator[FieldError]:
    """A fault when the dataset lacks the columns that the method reads."""
    readable = READABLE[method]
    if dataset.format not in readable:
        has = COLUMNS[DatasetFormat(dataset.format)]
        msg = f"{method} can't use the dataset {dataset.name!r}: its columns are {has}."
        remedy = f"Use a dataset with {', or '.join(COLUMNS[form] for form in readable)}."
        yield FieldError(loc, msg, remedy)
