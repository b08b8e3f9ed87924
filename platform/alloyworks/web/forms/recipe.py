"""Merge recipes as YAML, the field's format, with models named as people name them."""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import ValidationError

from alloyengine.spec.merge import MergeSpec
from alloyworks.accounts.principal import Principal
from alloyworks.errors import FieldError, Invalid, invalid
from alloyworks.web.forms import yaml_text
from alloyworks.web.forms.model_names import ModelNames, Place, mapped, named

PLACE = "recipe"
FIRST = ("name", "merge_method", "base_model")
RESULT = "Name every document but one, and use the named ones as models."


@dataclass(frozen=True)
class Text:
    """A text as documents: the recipe of the result, and the stages that are merged before it."""

    text: str
    documents: list[dict[str, Any]]
    order: list[int]  # numbers of documents: the stages in turn, then the result

    @classmethod
    def read(cls, text: str) -> "Text":
        """Raises Unreadable, Invalid."""
        found = yaml_text.documents(text, PLACE)
        for number, document in enumerate(found):
            _check_mapping(number, document)
        return cls(text, found, _ordered(found))

    def line(self, loc: Sequence[str | int]) -> int:
        """Of a place in the job spec; 1 where it is none of the recipe's."""
        match list(loc):
            case ["stages", int(stage), *path] if stage < len(self.order) - 1:
                return self._lines.of(self.order[stage], path)
            case ["recipe", *path]:
                return self._lines.of(self.order[-1], path)
        return 1

    def spec(self, principal: Principal) -> tuple[dict[str, Any], list[FieldError]]:
        """`recipe` and `stages` with ids in place of names, and the names that no model has."""
        known = ModelNames(principal)
        stages = {str(self.documents[number].get("name")) for number in self.order[:-1]}
        changed, errors = [], []
        for place, number in zip(self._places, self.order, strict=True):
            # What an earlier stage makes is no model yet.
            document, unknown = mapped(
                self.documents[number], lambda name: _id(name, stages, known), place
            )
            changed.append(document)
            errors += unknown
        *before, result = changed
        return {"recipe": result} | ({"stages": before} if before else {}), errors

    @property
    def _places(self) -> list[Place]:
        stages: list[Place] = [["stages", i] for i in range(len(self.order) - 1)]
        return [*stages, [PLACE]]

    @property
    def _lines(self) -> yaml_text.Lines:
        return yaml_text.Lines(self.text)


def line_in(text: str, loc: Sequence[str | int]) -> int:
    """Of a place in the job spec; that of the fault while the text can't be read."""
    try:
        return Text.read(text).line(loc)
    except yaml_text.Unreadable as problem:
        return problem.line
    except Invalid:
        return 1


def lean(spec: dict[str, Any]) -> dict[str, Any]:
    """`recipe` and `stages` without what is as if it were not said. An old spec stays as it is."""
    try:
        read = MergeSpec.model_validate(spec)
    except ValidationError:
        return spec
    told = read.model_dump(mode="json", exclude_defaults=True, exclude={"kind", "version"})
    return {name: _plain(value) for name, value in told.items()}


def with_names(spec: dict[str, Any], principal: Principal) -> list[dict[str, Any]]:
    """The stages and the recipe, as documents, with names in place of ids."""
    known = ModelNames(principal)
    documents = [*spec.get("stages", ()), spec["recipe"]]
    return [mapped(_in_order(document), known.names_of, [])[0] for document in documents]


def written(spec: dict[str, Any], principal: Principal) -> str:
    """The recipe of a job spec as text."""
    return yaml_text.written(with_names(spec, principal))


def _in_order(document: dict[str, Any]) -> dict[str, Any]:
    """What says most comes first."""
    return {name: document[name] for name in FIRST if name in document} | document


def _plain(value: Any) -> Any:
    """Whole numbers as people write them."""
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case float() if value.is_integer():
            return int(value)
    return value


def known_in(found: tuple[dict[str, Any], list[FieldError]]) -> dict[str, Any]:
    """What was found, provided that every name is a model's. Raises Invalid."""
    told, unknown = found
    if unknown:
        raise Invalid(f"{len(unknown)} model(s) of the recipe are unknown.", unknown)
    return told


def _id(name: str, stages: set[str], known: ModelNames) -> str:
    parts = [part.strip() for part in name.split("+")]
    if name in stages or not stages & set(parts):
        return name if name in stages else known.ids_of(name)
    return "+".join(part if part in stages else known.id_of(part) for part in parts)


def _check_mapping(number: int, document: Any) -> None:
    if isinstance(document, dict) and all(isinstance(key, str) for key in document):
        return
    which = f"Document {number + 1}" if number else "A recipe"
    msg = f"{which} is a mapping, not {type(document).__name__}."
    raise invalid([PLACE], msg, "Begin with a line such as `merge_method: linear`.")


def _ordered(documents: list[dict[str, Any]]) -> list[int]:
    """Each after those it uses; the result is the one without a name, or that no other uses."""
    if len(documents) == 1:
        return [0]
    names = {str(found["name"]): i for i, found in enumerate(documents) if found.get("name")}
    uses = [named(document) & names.keys() for document in documents]
    used = set().union(*uses)
    open_ends = [i for i, found in enumerate(documents) if not found.get("name")]
    open_ends = open_ends or [i for name, i in names.items() if name not in used]
    if len(open_ends) != 1 or len(names) < len(documents) - 1:
        raise _refused(f"{len(documents)} documents, and which is the result is not clear.", RESULT)
    graph = {i: {names[name] for name in uses[i]} for i in range(len(documents))}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError:
        raise _refused("The documents need each other.", "Break the circle.") from None
    return [i for i in order if i != open_ends[0]] + open_ends


def _refused(msg: str, remedy: str) -> Invalid:
    return Invalid(msg, [FieldError([PLACE], msg, remedy)])
