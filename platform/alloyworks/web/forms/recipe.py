"""Merge recipes as YAML, the field's format, with models named as people name them."""

import math
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any
from uuid import UUID

import yaml

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import FieldError, Invalid, invalid
from alloyworks.web.choices import TO_COME

LONGEST = 100_000  # characters
PLACE = "recipe"


def parsed(text: str) -> dict[str, Any]:
    """The recipe that the text writes down. Invalid tells the line that can't be read."""
    if len(text) > LONGEST:
        raise invalid([PLACE], f"The recipe is longer than {LONGEST:,} characters.", "Shorten it.")
    try:
        found = value_of(text)
    except yaml.YAMLError as error:
        raise invalid([PLACE], f"This is not YAML: {_words(error)}.", "Correct it.") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise invalid(
            [PLACE],
            f"A recipe is a mapping, not {type(found).__name__}.",
            "Begin with a line such as `merge_method: linear`.",
        )
    return found


def value_of(text: str) -> Any:
    """Raises YAMLError, also for what is no JSON: dates, sets, aliases, keys given twice."""
    try:
        return yaml.load(text, Loader=_Strict)  # noqa: S506  # stricter than SafeLoader
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(str(error)) from None


def written(recipe: dict[str, Any]) -> str:
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, default_flow_style=None)


def with_ids(recipe: dict[str, Any], principal: Principal) -> dict[str, Any]:
    """Names of models become ids. Invalid lists every name that no model has."""
    known = _Names(principal)
    found, errors = _mapped(recipe, lambda name: known.id_of(name))
    if errors:
        raise Invalid(f"{len(errors)} model(s) of the recipe are unknown.", errors)
    return found


def with_names(recipe: dict[str, Any], principal: Principal) -> dict[str, Any]:
    """Ids become names wherever the name says which model is meant."""
    known = _Names(principal)
    return _mapped(recipe, lambda reference: known.name_of(reference))[0]


class _Strict(yaml.SafeLoader):
    """No aliases, which make a small text expand without end; no key twice; JSON's types only."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError("", None, "aliases are not allowed", event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.MarkedYAMLError("", None, f"{name!r} is there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)

    def finite(self, node: yaml.ScalarNode) -> float:
        value: float = self.construct_yaml_float(node)
        if not math.isfinite(value):
            raise yaml.MarkedYAMLError("", None, f"{node.value} is no number", node.start_mark)
        return value


_Strict.add_constructor("tag:yaml.org,2002:float", _Strict.finite)
# A date or a binary can't be part of a job spec; as text it is refused by name.
_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Names:
    """The models that a recipe may name, by name and by id."""

    def __init__(self, principal: Principal) -> None:
        rows = versions.models_of(principal).only("id", "name", "version", "organisation_id")
        self._by_name: dict[str, list[ModelVersion]] = {}
        self._by_id: dict[str, ModelVersion] = {}
        for row in rows.order_by("version", "id"):
            self._by_id[str(row.id)] = row
            for name in {row.name, versions.label(row), row.name.rpartition("/")[2]}:
                self._by_name.setdefault(name, []).append(row)

    def id_of(self, name: str) -> str:
        """A name without a version means the newest. LookupError with a remedy."""
        if name.startswith(TO_COME) or _is_id(name):
            return name
        found = self._by_name.get(name) or self._by_name.get(name.rpartition("/")[2]) or []
        # An organisation's own model goes before a base model of the same name.
        own = [row for row in found if row.organisation_id]
        if best := own or found:
            return str(best[-1].id)
        near = get_close_matches(name, self._by_name, n=1)
        raise LookupError(f"Did you mean {near[0]!r}?" if near else "Use a model's name or id.")

    def name_of(self, reference: str) -> str:
        row = self._by_id.get(reference)
        if row is None or self.id_of(versions.label(row)) != reference:
            return reference
        return versions.label(row)


def _mapped(
    recipe: dict[str, Any], change: Callable[[str], str]
) -> tuple[dict[str, Any], list[FieldError]]:
    """A copy of the recipe with every model's reference changed, and what could not be."""
    copy, errors = _copied(recipe), []
    for loc, holder, key in _references(copy):
        try:
            holder[key] = change(holder[key].strip())
        except LookupError as unknown:
            msg = f"There is no model {holder[key]!r}."
            errors.append(FieldError([PLACE, *loc], msg, str(unknown)))
    return copy, errors


def _references(recipe: dict[str, Any]) -> Iterator[tuple[list[str | int], dict[str, Any], str]]:
    if isinstance(recipe.get("base_model"), str):
        yield ["base_model"], recipe, "base_model"
    models = recipe.get("models")
    for i, entry in enumerate(models if isinstance(models, list) else []):
        if isinstance(entry, dict) and isinstance(entry.get("model"), str):
            yield ["models", i, "model"], entry, "model"


def _copied(value: Any) -> Any:
    match value:
        case dict():
            return {key: _copied(item) for key, item in value.items()}
        case list():
            return [_copied(item) for item in value]
    return value


def _words(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return str(error)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
