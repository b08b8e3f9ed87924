"""What the rows of the merge form can show of a recipe; the rest stays YAML."""

from collections.abc import Iterable, Mapping
from typing import Any

from alloyworks.web.forms.methods import METHODS, Method, Parameter


def spread(recipe: dict[str, Any]) -> dict[str, Any]:
    """The same recipe, with what it gives for all models given for each of them, as rows show it."""
    method = METHODS.get(str(recipe.get("merge_method")))
    given, models = recipe.get("parameters"), recipe.get("models")
    if method is None or not isinstance(given, dict) or not isinstance(models, list):
        return recipe
    each = {p.name: given[p.name] for p in method.each if p.name in given}
    if not each or not all(_is_row(entry, method) for entry in models):
        return recipe
    rest = {name: value for name, value in given.items() if name not in each}
    spread = [{**entry, "parameters": each | (entry.get("parameters") or {})} for entry in models]
    return {**recipe, "parameters": rest, "models": spread}


def unshown(recipe: Mapping[str, Any]) -> str:
    """The first part of the recipe that rows have no inputs for; empty when they have all."""
    method = METHODS.get(str(recipe.get("merge_method")))
    if method is None:
        return "merge_method"
    for name in recipe.keys() - {"merge_method", "base_model", "models", "parameters", "dtype"}:
        return name
    if not _known(recipe.get("parameters"), method.shared):
        return "parameters"
    models = recipe.get("models")
    if not isinstance(models, list):
        return "models"
    shown = (_is_row(entry, method) for entry in models)
    return next((f"models.{i}" for i, fits in enumerate(shown) if not fits), "")


def _is_row(entry: Any, method: Method) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() <= {"model", "parameters"}
        and isinstance(entry.get("model"), str)
        and _known(entry.get("parameters"), method.each)
    )


def _known(given: Any, parameters: Iterable[Parameter]) -> bool:
    names = {parameter.name for parameter in parameters}
    return given is None or (isinstance(given, dict) and given.keys() <= names)
