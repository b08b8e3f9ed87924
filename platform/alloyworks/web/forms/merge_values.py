"""Parameters of a merge: as they are typed, and as a recipe says them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from alloyworks.web.forms.fields import text_of
from alloyworks.web.forms.methods import Parameter
from alloyworks.web.forms.rows import Row
from alloyworks.web.forms.yaml_text import value_of


def given_of(row: Row, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """`parameters` of a recipe: what is filled in, less the switches that are as they would be."""
    found = {p.name: _value(row[p.name]) for p in parameters if _is_said(row.get(p.name, ""), p)}
    return {"parameters": found} if found else {}


def texts_of(holder: Mapping[str, Any]) -> Row:
    """The parameters of a recipe, or of one of its models, as they would be typed."""
    given = holder.get("parameters") or {}
    return {
        name: json.dumps(value) if isinstance(value, list) else text_of(value)
        for name, value in given.items()
    }


def _is_said(text: str, parameter: Parameter) -> bool:
    return bool(text) and not (parameter.flag and text == parameter.default)


def _value(text: str) -> Any:
    """A number, true or false, a gradient such as [0, 0.5, 1]; what it is not stays text."""
    try:
        return value_of(text)
    except yaml.YAMLError:
        return text
