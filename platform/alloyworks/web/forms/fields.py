"""Inputs as the templates draw them, and faults as they stand beside them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel

from alloyworks.errors import FieldError, Problem
from alloyworks.web.choices import Group
from alloyworks.web.forms.names import dotted


@dataclass(frozen=True)
class Number:
    """A number of a spec: bounds, default and help come from the spec itself."""

    spec: type[BaseModel]
    name: str
    label: str
    unit: str = ""
    help: str | None = None  # None: what the spec says
    under: str = ""  # where the spec model stands in the job spec

    @property
    def place(self) -> str:
        return f"{self.under}.{self.name}" if self.under else self.name

    @property
    def default(self) -> str:
        return text_of(self.spec.model_fields[self.name].get_default(call_default_factory=True))

    @property
    def hint(self) -> str:
        info = self.spec.model_fields[self.name]
        told = info.description or "" if self.help is None else self.help
        return with_range(told, info.metadata)


@dataclass(frozen=True)
class Field:
    """One input: what it is called, what it holds, what is wrong with it."""

    name: str
    label: str
    value: str = ""
    help: str = ""
    unit: str = ""
    placeholder: str = ""
    kind: str = "number"  # of alloyworks.web.forms.leaves.Leaf
    groups: Sequence[Group] = ()  # to choose from
    options: Sequence[str] = ()  # likewise, when they are few words
    errors: Sequence[FieldError] = ()

    @property
    def id(self) -> str:
        return f"field-{self.name.replace('.', '-')}"


@dataclass
class Faults:
    """The errors of a problem, by the input that they belong to."""

    problem: Problem | None = None
    places: Iterable[str] = ()
    _by_place: dict[str, list[FieldError]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        known = set(self.places)
        for error in self.problem.errors if self.problem else []:
            self._by_place.setdefault(nearest(dotted(error.loc), known), []).append(error)

    def at(self, place: str) -> list[FieldError]:
        return self._by_place.get(place, [])

    def under(self, place: str) -> bool:
        """Whether something is wrong there or deeper."""
        return any(name == place or name.startswith(f"{place}.") for name in self._by_place)

    @property
    def elsewhere(self) -> list[FieldError]:
        """What belongs to no input; it is said at the top."""
        return self.at("")


def number_field(number: Number, values: Mapping[str, str], faults: Faults) -> Field:
    return Field(
        name=number.place,
        label=number.label,
        value=values.get(number.place, ""),
        help=number.hint,
        unit=number.unit,
        placeholder=number.default or "no limit",
        errors=faults.at(number.place),
    )


def text_of(value: Any) -> str:
    """A spec's value as a person would type it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            exact = Decimal(repr(value)).normalize()
            return f"{exact:e}" if value and abs(value) < 0.001 else f"{exact:f}"
    return str(value)


def as_values(typed: Any) -> Any:
    """What was typed, as it will be understood: numbers without quotes. For showing it only."""
    match typed:
        case dict():
            return {key: as_values(item) for key, item in typed.items()}
        case list():
            return [as_values(item) for item in typed]
        case "true" | "false":
            return typed == "true"
        case str():
            for number in (int, float):
                try:
                    return number(typed)
                except ValueError:
                    continue
    return typed


def nearest(place: str, known: Collection[str]) -> str:
    """The place itself or the nearest around it that has an input; "" when there is none."""
    while place and place not in known:
        place = place.rpartition(".")[0]
    return place


def with_range(told: str, metadata: Iterable[Any]) -> str:
    """What a field means, and within which limits."""
    return ". ".join(part for part in (told, _range(metadata)) if part)


def _range(metadata: Iterable[Any]) -> str:
    low = high = ""
    for bound in metadata:
        match bound:
            case Ge(ge):
                low = f"{_short(ge)}"
            case Gt(gt):
                low = f"above {_short(gt)}"
            case Le(le):
                high = f"{_short(le)}"
            case Lt(lt):
                high = f"below {_short(lt)}"
    if low and high:
        joint = ", up to " if low.startswith("above") else " to "
        return f"{low}{joint}{high}".capitalize()
    return f"From {low}" if low else f"Up to {high}" if high else ""


def _short(number: Any) -> str:
    return f"{number:,}"
