"""The form of a merge: a recipe as rows of models, or as YAML; both show the same recipe."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from django.http import QueryDict

from alloyworks.accounts.principal import Principal
from alloyworks.errors import FieldError, Invalid, invalid
from alloyworks.web import choices
from alloyworks.web.forms import merge_drawing, rows
from alloyworks.web.forms.base import JobForm, Where, trimmed
from alloyworks.web.forms.fields import Faults, text_of
from alloyworks.web.forms.merge_values import given_of, texts_of
from alloyworks.web.forms.methods import METHODS, Method
from alloyworks.web.forms.recipe import PLACE, Text, known_in, lean, line_in, written
from alloyworks.web.forms.rows import Row
from alloyworks.web.forms.showable import SINGLE, method_of, spread, unshown

MODELS, SHARED, METHOD = "recipe.models", "recipe.parameters", "recipe.merge_method"
SINGLES = {name: f"recipe.{name}" for name in SINGLE}
MOST_MODELS = 64
KNOWN = sorted({p.name for m in METHODS.values() for p in (*m.each, *m.shared)})


@dataclass
class MergeForm(JobForm):
    kind: ClassVar[str] = "merge"
    title: ClassVar[str] = "Merge models"
    lead: ClassVar[str] = "Make one model of several, without training."

    values: dict[str, str] = field(default_factory=dict)  # what is given once, by place
    shared: Row = field(default_factory=dict)  # parameters given once
    models: list[Row] = field(default_factory=list)  # "model" and its own parameters
    yaml: str | None = None  # the text, when that is what is shown

    @classmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        given = choices.references(query.getlist("model"))[:MOST_MODELS]
        models = [_row(model) for model in given]
        return cls(principal, {METHOD: "linear"}, models=rows.padded(models, 2, _row()))

    @classmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        form, found = cls(principal, {"name": text_of(spec.get("name"))}), lean(dict(spec))
        recipe = spread(found["recipe"])
        if found.get("stages") or unshown(recipe):
            form.yaml = written(found, principal)
        else:
            form._fill(recipe)
        return form

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        form = cls(principal, trimmed(post, ["name", METHOD, *SINGLES.values()]))
        columns = ["model", *(f"parameters.{name}" for name in KNOWN)]
        form.models = [_short(row) for row in rows.read(post, MODELS, columns, MOST_MODELS)]
        # What was given for another method is not meant for this one.
        if post.get("was") in (None, form.values.get(METHOD)):
            form.shared = _short(trimmed(post, [f"{SHARED}.{name}" for name in KNOWN]))
        form.yaml = str(post.get("yaml") or "") if post.get("mode") == "yaml" else None
        return form

    def settled(self) -> Self:
        return replace(self, models=[row for row in self.models if row.get("model")])

    def spec(self) -> dict[str, Any]:
        return known_in(self.draft())

    def draft(self) -> tuple[dict[str, Any], list[FieldError]]:
        name = {"name": self.values["name"]} if self.values.get("name") else {}
        told, unknown = self._told()
        return {"kind": self.kind, **name, **told}, unknown

    def places(self) -> list[str]:
        if self.yaml is not None:
            return ["name", "recipe"]
        of_models = [
            f"{MODELS}.{i}.{name}"
            for i in range(len(self.models))
            for name in ("model", *(f"parameters.{known}" for known in KNOWN))
        ]
        shared = [f"{SHARED}.{name}" for name in KNOWN]
        return ["name", "recipe", METHOD, *SINGLES.values(), MODELS, *of_models, *shared]

    def act(self, do: str) -> Faults:
        if do == "yaml" and self.yaml is None:
            self.yaml = written({"recipe": self._recipe()}, self.principal)
        elif do == "form" and self.yaml is not None:
            return self._read_yaml()
        self.models = rows.changed(self.models, MODELS, do, self._new_row(), MOST_MODELS)
        return Faults()

    def drawn(self, faults: Faults) -> dict[str, Any]:
        self.models = rows.padded(self.models, self.method.rows, self._new_row())
        return merge_drawing.drawn(self, faults)

    def where(self, loc: Sequence[str | int]) -> Where:
        if self.yaml is None:
            return merge_drawing.where(self, loc)
        line = line_in(self.yaml, loc)
        return Where(f"Line {line}", line=line)

    def methods(self) -> list[Method]:
        """Those that the recipe uses, as far as it can be read."""
        if self.yaml is None:
            return [self.method]
        try:
            found = _methods(Text.read(self.yaml).documents)
        except Invalid:  # somebody is in the middle of a line
            names = re.findall(r"^merge_method: *(\w+)", self.yaml, re.MULTILINE)
            found = _methods([{"merge_method": name} for name in names])
        return list({method.name: method for method in found}.values())

    @property
    def method(self) -> Method:
        return method_of({"merge_method": self.values.get(METHOD)}) or METHODS["linear"]

    def _told(self) -> tuple[dict[str, Any], list[FieldError]]:
        if self.yaml is None:
            return {"recipe": self._recipe()}, []
        return Text.read(self.yaml).spec(self.principal)

    def _recipe(self) -> dict[str, Any]:
        """What the form says, and nothing that its method does not have."""
        method = self.method
        recipe: dict[str, Any] = {"merge_method": method.name}
        if method.has_base and self.values.get(SINGLES["base_model"]):
            recipe["base_model"] = self.values[SINGLES["base_model"]]
        recipe["models"] = [
            {"model": row["model"], **given_of(row, method.each)}
            for row in self.models
            if row.get("model")
        ]
        recipe |= given_of(self.shared, method.shared)
        for name in ("dtype", "tokenizer_source", "chat_template"):
            if value := self.values.get(SINGLES[name]):
                recipe[name] = value
        if method.draws and self.values.get(SINGLES["seed"]):
            recipe["seed"] = self.values[SINGLES["seed"]]
        return recipe

    def _read_yaml(self) -> Faults:
        """From the text to rows, unless the text says what rows can't show."""
        try:
            told = known_in(Text.read(self.yaml or "").spec(self.principal))
            recipe = spread(told["recipe"])
            if place := "stages" if told.get("stages") else unshown(recipe):
                msg = f"Rows can't show what {place} says here."
                raise invalid([PLACE], msg, "Leave it as YAML, or write it differently.")
        except Invalid as problem:
            return Faults(problem, [PLACE])
        self._fill(recipe)
        return Faults()

    def _fill(self, recipe: Mapping[str, Any]) -> None:
        self.yaml = None
        for name, place in {"merge_method": METHOD, **SINGLES}.items():
            self.values[place] = text_of(recipe.get(name))
        self.shared = texts_of(recipe)
        self.models = [{"model": entry["model"], **texts_of(entry)} for entry in recipe["models"]]

    def _new_row(self) -> Row:
        return _row()


def _row(model: str = "") -> Row:
    return {"model": model, "weight": "1"}


def _short(row: Row) -> Row:
    """Without what stands before a parameter's name."""
    return {name.rpartition(".")[2]: text for name, text in row.items()}


def _methods(value: Any) -> Iterable[Method]:
    """Every method that stands anywhere in a recipe, in order."""
    match value:
        case dict():
            for key, item in value.items():
                names = item if isinstance(item, list) else [item]
                if key == "merge_method":
                    for name in names:
                        plain = name.get("value") if isinstance(name, dict) else name
                        if found := method_of({"merge_method": plain}):
                            yield found
                elif key != "parameters":
                    yield from _methods(item)
        case list():
            for item in value:
                yield from _methods(item)
