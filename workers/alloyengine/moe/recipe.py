"""Reads the YAML of mergekit-moe into `spec.moe.MoeRecipe`."""

from pydantic import ValidationError

from alloyengine.merge.recipe import documents, first_problem, wrong
from alloyengine.spec.moe import Expert, MoeRecipe

_FIELDS = sorted({*MoeRecipe.model_fields, *Expert.model_fields})


def parse(text: str) -> MoeRecipe:
    """InputError names the place, and the nearest name when misspelt."""
    found = documents(text)
    if len(found) > 1:
        raise wrong("", f"there are {len(found)} documents where one is wanted")
    (raw,) = found
    if not isinstance(raw, dict):
        raise wrong("", "it is not a mapping", "Begin with a line such as base_model: NAME.")
    try:
        return MoeRecipe.model_validate(raw)
    except ValidationError as error:
        raise first_problem(raw, error, _FIELDS) from None
