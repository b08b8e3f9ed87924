"""What the template draws of the training form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alloyworks.catalog.models import Dataset
from alloyworks.errors import FieldError
from alloyworks.web import choices
from alloyworks.web.choices import Group
from alloyworks.web.forms.fields import Faults, Field
from alloyworks.web.forms.fitting import unfit_for_scoring, unfit_for_training
from alloyworks.web.forms.leaves import Leaf
from alloyworks.web.forms.train_parts import (
    COMMON,
    METHODS,
    OBJECTIVE,
    PLAIN,
    SHOWN,
    UNIONS,
    WAYS,
    Union,
)

if TYPE_CHECKING:
    from alloyworks.web.forms.train import TrainForm


@dataclass(frozen=True)
class Section:
    """Fields that belong together; the rarely used ones are shown when they are asked for."""

    title: str
    fields: Sequence[Field]
    advanced: Sequence[Field]
    open: bool


@dataclass(frozen=True)
class Choice:
    """One of several methods."""

    name: str  # of the input
    value: str
    label: str
    told: str
    checked: bool

    @property
    def id(self) -> str:
        return f"field-{self.name.replace('.', '-')}-{self.value}"


class Drawing:
    """Draws fields one by one, and asks the catalogue once for what they offer."""

    def __init__(self, form: "TrainForm", faults: Faults) -> None:
        self._form, self._faults = form, faults
        chosen = [form.values.get(leaf.place, "") for leaf in form.leaves() if leaf.kind == "model"]
        self._models = choices.of_models(form.principal, chosen)
        self._datasets = choices.offered_datasets(form.principal)

    def field(self, leaf: Leaf) -> Field:
        more: dict[str, Any] = {}
        match leaf.kind:
            case "model":
                more["groups"] = self._models
            case "dataset":
                more["groups"] = self._datasets_for(leaf)
                more["placeholder"] = "None" if leaf.group else ""
            case "text":
                more["placeholder"] = "Named after the dataset"
        return leaf.field(self._form.values, self._faults, **more)

    def section(self, title: str, leaves: Sequence[Leaf], shown: frozenset[str] = SHOWN) -> Section:
        advanced = [leaf for leaf in leaves if leaf.place not in shown]
        values = self._form.values
        changed = any(values.get(leaf.place, "") not in ("", leaf.default) for leaf in advanced)
        wrong = any(self._faults.at(leaf.place) for leaf in advanced)
        first = [self.field(leaf) for leaf in leaves if leaf.place in shown]
        return Section(title, first, [self.field(leaf) for leaf in advanced], changed or wrong)

    def union(self, union: Union) -> dict[str, Any]:
        chosen = self._form.method(union.place)
        leaves = union.leaves.get(chosen, ())
        shown = SHOWN | WAYS.keys() if chosen == "spectrum" else SHOWN
        return {
            "choices": [Choice(union.method, *words, words[0] == chosen) for words in union.told()],
            "chosen": chosen,
            "section": self.section(METHODS.get(chosen, ""), leaves, shown),
            "errors": self.errors(union),
        }

    def errors(self, union: Union) -> list[FieldError]:
        return [*self._faults.at(union.place), *self._faults.at(union.method)]

    def _datasets_for(self, leaf: Leaf) -> list[Group]:
        objective = self._form.method(OBJECTIVE)

        def refusal(found: Dataset) -> str:
            if leaf.place.startswith("forgetting."):
                return unfit_for_scoring(found)
            return unfit_for_training(found, objective)

        chosen = self._form.values.get(leaf.place, "")
        return choices.of_datasets(self._form.principal, self._datasets, refusal, chosen)


def drawn(form: "TrainForm", faults: Faults) -> dict[str, Any]:
    drawing = Drawing(form, faults)
    plain = {leaf.place: drawing.field(leaf) for leaf in COMMON if leaf.place in PLAIN}
    objective, tuning = (drawing.union(union) for union in UNIONS)
    rest = [leaf for leaf in COMMON if leaf.place not in PLAIN]
    return {
        **plain,
        "objective": objective,
        "tuning": tuning,
        "ways": [(way, label, way == form.way) for way, label in WAYS.items()],
        "run": drawing.section("Training", rest),
    }
