"""The leaves of a spec as inputs: kind, default, bounds and help come from the spec itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from alloyworks.web.forms.fields import Faults, Field, text_of, with_range

Kind = Literal["number", "choice", "flag", "lines", "model", "dataset", "text"]
Words = Mapping[str, tuple[str, str]]  # place -> label, unit
REFERENCES: Mapping[str, Kind] = {"model": "model", "teacher": "model", "dataset": "dataset"}
BLANK = "; none: "
"""In a description: what follows is what it means to leave the field blank."""


@dataclass(frozen=True)
class Leaf:
    """One value of a spec; `place` is its dotted name and that of its input."""

    place: str
    info: FieldInfo
    label: str
    unit: str
    default: str  # as text; empty: none
    group: str = ""  # the optional part of the spec that it belongs to

    @property
    def kind(self) -> Kind:
        form = _form(self.info.annotation)
        if get_origin(form) is Literal:
            return "choice"
        if get_origin(form) is tuple:
            return "lines"
        if form is str:
            return REFERENCES.get(self.place.rpartition(".")[2], "text")
        return "flag" if form is bool else "number"

    @property
    def nullable(self) -> bool:
        return NoneType in get_args(self.info.annotation)

    @property
    def options(self) -> tuple[str, ...]:
        return get_args(_form(self.info.annotation)) if self.kind == "choice" else ()

    @property
    def told(self) -> tuple[str, str]:
        """What it means, and what a blank does."""
        meaning, _, blank = (self.info.description or "").partition(BLANK)
        return with_range(meaning, self._bounds()), blank or self.default

    def text_in(self, spec: Mapping[str, Any]) -> str | None:
        """As a person would type it; None when the spec does not say it."""
        value: Any = spec
        for step in self.place.split("."):
            if not isinstance(value, Mapping) or step not in value:
                return None
            value = value[step]
        return "\n".join(map(str, value)) if isinstance(value, list) else text_of(value)

    def value_of(self, text: str) -> Any:
        """For the spec; what is blank is what the field says it is then."""
        if self.kind == "lines":
            lines = text.replace("\r\n", "\n").split("\n")
            return [line for line in lines if line.strip()] or None
        return text or (None if self.nullable else self.default)

    def field(self, values: Mapping[str, str], faults: Faults, **more: Any) -> Field:
        meaning, blank = self.told
        return Field(
            self.place,
            self.label,
            values.get(self.place, ""),
            meaning,
            self.unit,
            more.pop("placeholder", blank),
            self.kind,
            options=self.options,
            errors=faults.at(self.place),
            **more,
        )

    def _bounds(self) -> Sequence[Any]:
        """Of texts nobody needs to know them."""
        return self.info.metadata if self.kind == "number" else ()


def leaves_of(
    spec: type[BaseModel],
    under: str,
    words: Words,
    given: Mapping[str, Any],
    group: str = "",
    called: str = "",
) -> Iterator[Leaf]:
    """In the spec's order, without unions, whose members are asked one by one, and constants.

    `given` is the spec with nothing said, for defaults that an outer part sets. What `words` does not
    name is called as in the spec, after the part that it belongs to.
    """
    for name, info in spec.model_fields.items():
        place, form = f"{under}.{name}".lstrip("."), _form(info.annotation)
        if info.discriminator or (get_origin(form) is Literal and len(get_args(form)) == 1):
            continue
        if isinstance(form, type) and issubclass(form, BaseModel):
            optional = NoneType in get_args(info.annotation)
            inner, outer = given.get(name) or {}, place if optional else group
            yield from leaves_of(form, place, words, inner, outer, f"{called}{name} ")
            continue
        value = given.get(name, None if info.is_required() else info.get_default())
        label, unit = words.get(place, (f"{called}{name}".replace("_", " ").capitalize(), ""))
        yield Leaf(place, info, label, unit, text_of(value), group)


def members_of(union: Any) -> dict[str, type[BaseModel]]:
    """The members of a union of methods, by their method."""
    return {form.model_fields["method"].default: form for form in get_args(union)}


def doc_of(form: type[BaseModel]) -> str:
    """The first paragraph of what its author says of it."""
    return " ".join((getdoc(form) or "").partition("\n\n")[0].split())


def _form(annotation: Any) -> Any:
    """The type itself, where it may be left out."""
    forms = [form for form in get_args(annotation) if form is not NoneType]
    return forms[0] if NoneType in get_args(annotation) else annotation
