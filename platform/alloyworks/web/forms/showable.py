"""What the rows of the merge form can show of a recipe; the rest stays YAML."""

from collections.abc import Iterable, Mapping
from typing import Any

from alloyworks.web.forms.methods import METHODS, Method, Parameter

SINGLE = ("base_model", "dtype", "tokenizer_source", "chat_template", "seed")
"""Fields with an input of their own."""
TEMPLATE_LENGTH = 40  # longer chat templates are texts, not names


def spread(recipe: dict[str, Any]) -> dict[str, Any]:
    """The same recipe, with what it gives for all models given for each of them, as rows show it."""
    method = method_of(recipe)
    given, models = recipe.get("parameters"), recipe.get("models")
    if method is None or not isinstance(given, dict) or not isinstance(models, list):
        return recipe
    each = {p.name: given[p.name] for p in method.each if p.name in given}
    if not each or not all(_is_row(entry, method) for entry in models):
        return recipe
    rest = {name: value for name, value in given.items() if name not in each}
    base = recipe.get("base_model")
    rows = [entry if entry["model"] == base else _with(entry, each) for entry in models]
    return {**recipe, "parameters": rest, "models": rows}


def unshown(recipe: Mapping[str, Any]) -> str:
    """The first part of the recipe that rows have no inputs for; empty when they have all."""
    method = method_of(recipe)
    if method is None:
        return "merge_method"
    for name in recipe.keys() - {"merge_method", "models", "parameters", *SINGLE}:
        return name
    if recipe.get("base_model") and not method.has_base:
        return "base_model"
    if len(str(recipe.get("chat_template") or "")) > TEMPLATE_LENGTH:
        return "chat_template"
    if recipe.get("seed") and not method.draws:
        return "seed"
    if not _known(recipe.get("parameters"), method.shared):
        return "parameters"
    models = recipe.get("models")
    if not isinstance(models, list):
        return "models"
    shown = (_is_row(entry, method) for entry in models)
    return next((f"models.{i}" for i, fits in enumerate(shown) if not fits), "")


def method_of(recipe: Mapping[str, Any]) -> Method | None:
    """None where the recipe has none, a list of them, or one that nobody knows."""
    name = recipe.get("merge_method")
    return next((method for method in METHODS.values() if method.name == name), None)


def _with(entry: dict[str, Any], each: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "parameters": {**each, **(entry.get("parameters") or {})}}


def _is_row(entry: Any, method: Method) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() <= {"model", "parameters"}
        and isinstance(entry.get("model"), str)
        and _known(entry.get("parameters"), method.each)
    )


def _known(given: Any, parameters: Iterable[Parameter]) -> bool:
    """Numbers, flags and gradients of these names; values by filters have no input."""
    names = {parameter.name for parameter in parameters}
    return given is None or (
        isinstance(given, dict)
        and given.keys() <= names
        and not any(_by_filter(value) for value in given.values())
    )


def _by_filter(value: Any) -> bool:
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, dict) for item in items)
