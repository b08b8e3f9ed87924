"""The form of a training job: everything that its spec can say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from django.http import QueryDict

from alloyworks.accounts.principal import Principal
from alloyworks.web.forms import train_drawing
from alloyworks.web.forms.base import JobForm, Where, trimmed
from alloyworks.web.forms.fields import Faults, nearest
from alloyworks.web.forms.leaves import Leaf
from alloyworks.web.forms.names import Loc, dotted, nested
from alloyworks.web.forms.train_parts import (
    BUDGET,
    COMMON,
    MODULES,
    PERCENT,
    PLAIN,
    TUNING,
    UNIONS,
)

BY = "tuning.by"
"""Which of WAYS chooses Spectrum's modules."""
WAS = "was"
"""The tuning whose fields the page showed: another one's may have the same names."""


@dataclass
class TrainForm(JobForm):
    kind: ClassVar[str] = "train"
    title: ClassVar[str] = "Train a model"
    lead: ClassVar[str] = "Teach a model what one of your datasets holds."

    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        form = cls(principal, trimmed(query, ["model", "dataset"]))
        form._fill_in()
        return form

    @classmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        form = cls(principal, {u.method: spec.get(u.place, {}).get("method", "") for u in UNIONS})
        texts = {leaf.place: leaf.text_in(spec) for leaf in form.leaves()}
        form.values |= {place: text for place, text in texts.items() if text is not None}
        form.values[BY] = next((way for way in (MODULES, BUDGET) if texts.get(way)), PERCENT)
        form._fill_in()
        return form

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        form = cls(principal, trimmed(post, [BY, *(union.method for union in UNIONS)]))
        names = {leaf.place for leaf in form.leaves()}
        for union in UNIONS:
            was, now = union.names(post.get(WAS, "")), union.names(form.method(union.place))
            names -= was if was != now else set()
        form.values |= trimmed(post, sorted(names))
        return form

    def method(self, place: str) -> str:
        """Of the objective, or of the tuning."""
        union = next(union for union in UNIONS if union.place == place)
        return self.values.get(union.method) or union.default

    @property
    def way(self) -> str:
        """How Spectrum's modules are chosen; nothing of other tunings."""
        return (self.values.get(BY) or PERCENT) if self.method(TUNING) == "spectrum" else ""

    def leaves(self) -> list[Leaf]:
        """Those of the chosen methods alone."""
        return [*COMMON, *(leaf for u in UNIONS for leaf in u.leaves.get(self.method(u.place), ()))]

    def spec(self) -> dict[str, Any]:
        said = {union.method: self.method(union.place) for union in UNIONS}
        said |= {leaf.place: value for leaf in self.leaves() for value in self._value(leaf)}
        order = dict.fromkeys([*(place for place in PLAIN if place in said), *said])
        return {"kind": self.kind, **nested((place, said[place]) for place in order)}

    def places(self) -> list[str]:
        of_unions = [name for union in UNIONS for name in (union.place, union.method)]
        return [*of_unions, *(leaf.place for leaf in self.leaves())]

    def where(self, loc: Loc) -> Where:
        named = {leaf.place: leaf for leaf in self.leaves()}
        leaf = named.get(nearest(dotted(loc), named))
        return Where(leaf.label, leaf.field({}, Faults()).id) if leaf else Where()

    def act(self, do: str) -> Faults:
        """Another method was chosen: its fields begin with their defaults."""
        self._fill_in()
        return Faults()

    def drawn(self, faults: Faults) -> dict[str, Any]:
        return train_drawing.drawn(self, faults)

    def _fill_in(self) -> None:
        """What nothing is said of."""
        defaults = {leaf.place: leaf.default for leaf in self.leaves()}
        self.values = defaults | self.values

    def _value(self, leaf: Leaf) -> Iterator[Any]:
        """What the spec says there; nothing when that goes without saying."""
        text = self.values.get(leaf.place)
        if text is None or (leaf.group and not self._is_used(leaf.group)):
            return
        value = leaf.value_of(text)
        if self.way and leaf.place in (MODULES, BUDGET):
            if leaf.place == self.way:
                yield value or ([] if leaf.kind == "lines" else "")  # is refused when it is blank
        elif value not in (None, "") or leaf.default:
            yield value

    def _is_used(self, group: str) -> bool:
        """Whether anything of an optional part is said."""
        return any(
            self.values.get(leaf.place, "") not in ("", leaf.default)
            for leaf in self.leaves()
            if leaf.group == group
        )
