"""What the merge doctor says of a merge whose models are in the catalogue."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from alloyengine.spec.doctor import Report, examine
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import MergeSpec, split_reference
from alloyengine.spec.result import ModelFacts
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import lineage
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import FieldError
from alloyworks.jobs.models import Job
from alloyworks.jobs.references import Resolved

DEEPEST = 8
"""So many jobs that wait for one another are looked through for a model's facts."""

UNKNOWN = {"architecture": "unknown", "parameters": 0, "dtype": "unknown"}
RESHAPES = ("slices", "modules", "tokenizer", "tokenizer_source")
"""A recipe with one of these may make a model unlike any that it takes."""


def examined(
    principal: Principal, spec: MergeSpec | EvolveSpec, inputs: Sequence[Resolved]
) -> Report:
    """`inputs` are the models of the spec that were found; of the others nothing is said. Of a search,
    the recipe that it begins with.
    """
    inputs = [item for item in inputs if item.dataset is None]
    facts = {item.ref.reference: facts_of(item) for item in inputs}
    return examine(
        spec if isinstance(spec, MergeSpec) else MergeSpec(recipe=spec.recipe),
        {reference: found for reference, found in facts.items() if found},
        {item.ref.reference: item.label for item in inputs},
        _ancestry(principal, {item.ref.reference: item.model for item in inputs if item.model}),
    )


def faults_of(
    principal: Principal, spec: MergeSpec | EvolveSpec, inputs: Sequence[Resolved]
) -> Iterator[FieldError]:
    """What makes the merge impossible."""
    for finding in examined(principal, spec, inputs).errors:
        yield FieldError(list(finding.loc), finding.what, finding.remedy)


def facts_of(item: Resolved) -> ModelFacts | None:
    """Of the model, or of the one that a model to come will be like; None while that is not known."""
    return _facts(_origin(item))


def _facts(model: ModelVersion | None) -> ModelFacts | None:
    """As far as they can be read: another version of the platform may have written them."""
    given = model.facts if model else {}
    known = {name: given[name] for name in ModelFacts.model_fields if name in given}
    try:
        return ModelFacts.model_validate(UNKNOWN | known) if known else None
    except ValidationError:
        return None


def _origin(item: Resolved) -> ModelVersion | None:
    """A model to come will be like the one that it is made from."""
    model, job = item.model, item.source
    for _ in range(DEEPEST):
        if model is not None or job is None:
            break
        model, job = _made_from(job)
    return model


def _made_from(job: Job) -> tuple[ModelVersion | None, Job | None]:
    recipe = job.spec.get("recipe") or {}
    if job.kind == "moe" or any(recipe.get(name) for name in RESHAPES):
        return None, None
    match job.spec:
        case {"recipe": {"base_model": str(reference)}}:
            pass
        case {"recipe": {"models": [{"model": reference}, *_]}} | {"model": reference}:
            pass
        case _:
            return None, None
    named, _ = split_reference(str(reference))
    entry = job.inputs.select_related("model_version", "source_job").filter(reference=named)
    found = entry.first()
    return (found.model_version, found.source_job) if found else (None, None)


def _ancestry(
    principal: Principal, models: Mapping[str, ModelVersion]
) -> dict[str, tuple[str, ...]]:
    """Of a model that was not made here it is not known what it descends from, only whether
    another of these models descends from it.
    """
    lines = lineage.lines(principal, models.values())
    found = {reference: lines[model.id] for reference, model in models.items()}
    used = {name for line in found.values() for name in line[1:]}
    return {
        reference: line
        for reference, line in found.items()
        if len(line) > 1 or used.intersection(line)
    }
