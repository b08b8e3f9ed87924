"""Whether the models of a merge fit together, and the recipe's parameters the method."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from alloyengine.spec.merge import MergeSpec, Recipe
from alloyengine.spec.methods import PARAMETERS, Parameter
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import FieldError
from alloyworks.jobs.models import Job
from alloyworks.jobs.references import Resolved

# Facts that must agree, in words; alloyengine.spec.result.ModelFacts.
SHAPE = {
    "architecture": "architecture",
    "layers": "number of layers",
    "hidden_size": "hidden size",
    "vocabulary": "vocabulary",
    "parameters": "number of weights",  # tells of what the others do not
}
DEEPEST = 8
"""So many jobs that wait for one another are looked through for a model's shape."""

Facts = dict[str, Any]


def faults_of(spec: MergeSpec, inputs: Sequence[Resolved]) -> Iterator[FieldError]:
    yield from _misfits(spec.recipe, inputs)
    yield from _unknown(spec.recipe)
    yield from _missing(spec.recipe)


def _misfits(recipe: Recipe, inputs: Sequence[Resolved]) -> Iterator[FieldError]:
    """Everything is compared with the base, or with the first model where there is none."""
    like = recipe.base_model or recipe.models[0].model
    by_reference = {item.ref.reference: item for item in inputs}
    if like not in by_reference:
        return
    facts = {reference: _facts(item) for reference, item in by_reference.items()}
    for item in inputs:
        if different := _differences(facts[item.ref.reference], facts[like]):
            what = f"{item.label} differs from {by_reference[like].label}: {different}."
            remedy = "Merge models of one architecture, size and vocabulary."
            yield FieldError(item.ref.loc, what, remedy)


def _differences(ours: Facts, theirs: Facts) -> str:
    """Facts that are not known differ from nothing."""
    known = [fact for fact in SHAPE if ours.get(fact) is not None and theirs.get(fact) is not None]
    different = [fact for fact in known if ours[fact] != theirs[fact]]
    told = different if different == ["parameters"] else [f for f in different if f != "parameters"]
    return ", ".join(f"{SHAPE[fact]} {ours[fact]} instead of {theirs[fact]}" for fact in told)


def _facts(item: Resolved) -> Facts:
    """A model to come will have the shape of the one that it is made from."""
    model, job = item.model, item.source
    for _ in range(DEEPEST):
        if model is not None or job is None:
            break
        model, job = _origin(job)
    return model.facts if model else {}


def _origin(job: Job) -> tuple[ModelVersion | None, Job | None]:
    match job.spec:
        case {"recipe": {"base_model": str(reference)}}:
            pass
        case {"recipe": {"models": [{"model": reference}, *_]}} | {"model": reference}:
            pass
        case _:
            return None, None
    entry = job.inputs.select_related("model_version", "source_job").filter(reference=reference)
    found = entry.first()
    return (found.model_version, found.source_job) if found else (None, None)


def _unknown(recipe: Recipe) -> Iterator[FieldError]:
    """Parameters that the method does not have, or not there."""
    known = {parameter.name: parameter for parameter in PARAMETERS[recipe.merge_method]}
    for loc, given in _places(recipe):
        for name in given:
            if name not in known:
                msg = f"{recipe.merge_method} has no parameter {name[:80]!r}."
                yield FieldError([*loc, name], msg, _near(name, list(known)))
            elif known[name].scope == "global" and loc[1] == "models":
                remedy = "Move it to the recipe's own parameters."
                yield FieldError([*loc, name], f"{name} is no parameter of one model.", remedy)


def _missing(recipe: Recipe) -> Iterator[FieldError]:
    for parameter in PARAMETERS[recipe.merge_method]:
        if parameter.default is None and parameter.name not in recipe.parameters:
            yield from _missing_one(recipe, parameter)


def _missing_one(recipe: Recipe, parameter: Parameter) -> Iterator[FieldError]:
    name = parameter.name
    msg = f"{recipe.merge_method} needs {name}."
    if parameter.scope == "global":
        yield FieldError(["recipe", "parameters", name], msg, "Add it to the recipe's parameters.")
        return
    remedy = f"Give every model a {name}, or one for all in the recipe's parameters."
    for i, entry in enumerate(recipe.models):
        is_base = parameter.scope == "non-base" and entry.model == recipe.base_model
        if name not in entry.parameters and not is_base:
            yield FieldError(["recipe", "models", i, "parameters", name], msg, remedy)


def _places(recipe: Recipe) -> Iterator[tuple[list[str | int], dict[str, Any]]]:
    yield ["recipe", "parameters"], dict(recipe.parameters)
    for i, entry in enumerate(recipe.models):
        yield ["recipe", "models", i, "parameters"], dict(entry.parameters)


def _near(name: str, known: list[str]) -> str:
    close = get_close_matches(name[:80], known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"It has {', '.join(known)}."
