"""Models as people name them, wherever a recipe names one."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import versions
from alloyworks.catalog.models import ModelVersion
from alloyworks.errors import FieldError
from alloyworks.web.choices import TO_COME

NAMING = ("model", "base_model", "source_model", "tokenizer_source", "source", "path", "lora")
"""Keys whose text is a model, or a model and its adapter: `model+adapter`."""
WORDS = {"tokenizer_source": ("union", "base"), "source": ("union", "base")}
"""What is no model there."""

Place = list[str | int]
Change = Callable[[str], str]


class ModelNames:
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
        """Its name, wherever the name says which model is meant."""
        row = self._by_id.get(reference)
        if row is None or self.id_of(versions.label(row)) != reference:
            return reference
        return versions.label(row)

    def ids_of(self, text: str) -> str:
        """Of a model, or of a model and its adapter."""
        if "+" not in text or text in self._by_name:
            return self.id_of(text)
        return "+".join(self.id_of(part.strip()) for part in text.split("+"))

    def names_of(self, text: str) -> str:
        names = [self.name_of(part) for part in text.split("+")]
        # A name that has a plus in it would not be read back.
        alone = len(names) == 1 or not any("+" in name for name in names)
        return "+".join(names) if alone else text


def mapped(recipe: Any, change: Change, place: Place) -> tuple[Any, list[FieldError]]:
    """A copy of the recipe with every model's reference changed, and what could not be."""
    copy, errors = _copied(recipe), []
    for loc, holder, key in _references(copy, []):
        try:
            holder[key] = change(holder[key].strip())
        except LookupError as unknown:
            msg = f"There is no model {holder[key]!r}."
            errors.append(FieldError([*place, *loc], msg, str(unknown)))
    return copy, errors


def named(recipe: Any) -> set[str]:
    """Everything that a recipe names, adapters apart from their models."""
    found = (holder[key] for _, holder, key in _references(recipe, []))
    return {part.strip() for text in found for part in text.split("+")}


def _references(value: Any, loc: Place) -> Iterator[tuple[Place, dict[str, Any], str]]:
    """Where models are named: place, and where to change it."""
    match value:
        case dict():
            for key, item in value.items():
                if key in NAMING and isinstance(item, str):
                    if item.strip() and item not in WORDS.get(key, ()):
                        yield [*loc, key], value, key
                elif key != "parameters":
                    yield from _references(item, [*loc, key])
        case list():
            for i, item in enumerate(value):
                yield from _references(item, [*loc, i])


def _copied(value: Any) -> Any:
    match value:
        case dict():
            return {key: _copied(item) for key, item in value.items()}
        case list():
            return [_copied(item) for item in value]
    return value


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
