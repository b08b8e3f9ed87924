"""The form of a merge: a recipe as rows of models, or as YAML; both show the same recipe."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, get_args

import yaml
from django.http import QueryDict

from alloyengine.spec.merge import DType
from alloyworks.accounts.principal import Principal
from alloyworks.errors import Invalid, invalid
from alloyworks.web import choices
from alloyworks.web.forms import recipe as recipes
from alloyworks.web.forms import rows
from alloyworks.web.forms.base import JobForm, trimmed
from alloyworks.web.forms.fields import Faults, Field, text_of
from alloyworks.web.forms.methods import METHODS, Method, Parameter
from alloyworks.web.forms.rows import Row
from alloyworks.web.forms.showable import spread, unshown

MODELS = "recipe.models"
SHARED = "recipe.parameters"
METHOD, BASE, DTYPE = "recipe.merge_method", "recipe.base_model", "recipe.dtype"
MOST_MODELS = 64
LONGEST_NAME = 40  # of a parameter
KNOWN = sorted({p.name for m in METHODS.values() for p in (*m.each, *m.shared)})
DTYPES = ("", *get_args(DType))


@dataclass
class MergeForm(JobForm):
    kind: ClassVar[str] = "merge"
    title: ClassVar[str] = "Merge models"
    lead: ClassVar[str] = "Make one model of several, without training."

    values: dict[str, str] = field(default_factory=dict)  # name, method, base and dtype
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
        form, recipe = cls(principal, {"name": text_of(spec.get("name"))}), spec["recipe"]
        recipe = spread(recipe)
        if unshown(recipe):
            form.yaml = recipes.written(recipes.with_names(recipe, principal))
        else:
            form._fill(recipe)
        return form

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        form = cls(principal, trimmed(post, ["name", METHOD, BASE, DTYPE]))
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
        if self.yaml is None:
            recipe = self._recipe()
        else:
            recipe = recipes.with_ids(recipes.parsed(self.yaml), self.principal)
        name = {"name": self.values["name"]} if self.values.get("name") else {}
        return {"kind": self.kind, **name, "recipe": recipe}

    def places(self) -> list[str]:
        if self.yaml is not None:
            return ["name", "recipe"]
        of_models = [
            f"{MODELS}.{i}.{name}"
            for i in range(len(self.models))
            for name in ("model", *(f"parameters.{known}" for known in KNOWN))
        ]
        shared = [f"{SHARED}.{name}" for name in KNOWN]
        return ["name", "recipe", METHOD, BASE, DTYPE, MODELS, *of_models, *shared]

    def act(self, do: str) -> Faults:
        if do == "yaml" and self.yaml is None:
            self.yaml = recipes.written(recipes.with_names(self._recipe(), self.principal))
        elif do == "form" and self.yaml is not None:
            return self._read_yaml()
        self.models = rows.changed(self.models, MODELS, do, _row(), MOST_MODELS)
        return Faults()

    def drawn(self, faults: Faults) -> dict[str, Any]:
        self.models = rows.padded(self.models, 2, _row())
        method = self._method()
        chosen = [*(row.get("model", "") for row in self.models), self.values.get(BASE, "")]
        groups = choices.of_models(self.principal, chosen)
        base = Field(
            BASE, "Base model", self.values.get(BASE, ""), groups=groups, errors=faults.at(BASE)
        )
        dtype = Field(DTYPE, "Type of the weights", self.values.get(DTYPE, ""))
        named = self.values.get("name", "")
        return {
            "name": Field(
                "name",
                "Name",
                named,
                placeholder="Named after the number of models",
                errors=faults.at("name"),
            ),
            "yaml": self.yaml,
            "method": method,
            "methods": list(METHODS.values()),
            "method_errors": faults.at(METHOD),
            "recipe_errors": faults.at("recipe"),
            "base": base if method.has_base else None,
            "models": [self._drawn_row(i, row, method, groups, faults) for i, row in self._rows()],
            "models_errors": faults.at(MODELS),
            "shared": [
                _parameter(p, f"{SHARED}.{p.name}", self.shared, faults) for p in method.shared
            ],
            "dtype": dtype,
            "dtypes": DTYPES,
        }

    def _rows(self) -> Iterable[tuple[int, Row]]:
        return enumerate(self.models)

    def _drawn_row(
        self, i: int, row: Row, method: Method, groups: list[choices.Group], faults: Faults
    ) -> dict[str, Any]:
        under = f"{MODELS}.{i}"
        place = f"{under}.model"
        return {
            "number": i + 1,
            "remove": f"remove.{under}" if len(self.models) > 1 else "",
            "model": Field(
                place, "Model", row.get("model", ""), groups=groups, errors=faults.at(place)
            ),
            "parameters": [
                _parameter(p, f"{under}.parameters.{p.name}", row, faults, told=False)
                for p in method.each
            ],
        }

    def _method(self) -> Method:
        return METHODS.get(self.values.get(METHOD, ""), METHODS["linear"])

    def _recipe(self) -> dict[str, Any]:
        """What the form says, and nothing that its method does not have."""
        method = self._method()
        recipe: dict[str, Any] = {"merge_method": method.name}
        if method.has_base and self.values.get(BASE):
            recipe["base_model"] = self.values[BASE]
        recipe["models"] = [
            {"model": row["model"], **_given(row, [parameter.name for parameter in method.each])}
            for row in self.models
            if row.get("model")
        ]
        recipe |= _given(self.shared, [parameter.name for parameter in method.shared])
        if self.values.get(DTYPE):
            recipe["dtype"] = self.values[DTYPE]
        return recipe

    def _read_yaml(self) -> Faults:
        """From the text to rows, unless the text says what rows can't show."""
        try:
            recipe = spread(recipes.with_ids(recipes.parsed(self.yaml or ""), self.principal))
            if place := unshown(recipe):
                msg = f"Rows can't show what {place} says here."
                raise invalid(["recipe"], msg, "Leave it as YAML, or write it differently.")
        except Invalid as problem:
            return Faults(problem, ["recipe"])
        self._fill(recipe)
        return Faults()

    def _fill(self, recipe: Mapping[str, Any]) -> None:
        self.yaml = None
        for place, name in ((METHOD, "merge_method"), (BASE, "base_model"), (DTYPE, "dtype")):
            self.values[place] = text_of(recipe.get(name))
        self.shared = _texts(recipe)
        self.models = [{"model": entry["model"], **_texts(entry)} for entry in recipe["models"]]


def _row(model: str = "") -> Row:
    return {"model": model, "weight": "1"}


def _short(row: Row) -> Row:
    """Without what stands before a parameter's name."""
    return {name.rpartition(".")[2]: text for name, text in row.items()}


def _given(row: Row, names: Iterable[str]) -> dict[str, Any]:
    found = {name: _value(row[name]) for name in names if row.get(name)}
    return {"parameters": found} if found else {}


def _value(text: str) -> Any:
    """A number, true or false, a gradient such as [0, 0.5, 1]; what it is not stays text."""
    try:
        return recipes.value_of(text)
    except yaml.YAMLError:
        return text


def _texts(holder: Mapping[str, Any]) -> Row:
    given = holder.get("parameters") or {}
    return {
        name: json.dumps(value) if isinstance(value, list) else text_of(value)
        for name, value in given.items()
    }


def _parameter(
    parameter: Parameter, place: str, row: Row, faults: Faults, *, told: bool = True
) -> dict[str, Any]:
    """Faults deep inside a value come once for every type that it is not; one is enough."""
    field = Field(
        place,
        parameter.label,
        row.get(parameter.name, ""),
        help=parameter.help if told else "",
        placeholder=parameter.default,
        errors=faults.at(place)[:1],
    )
    return {"field": field, "flag": parameter.flag, "default": parameter.default}
