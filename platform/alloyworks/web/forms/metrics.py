"""What single metrics of a test set need to know: a pattern, a tolerance, a schema, choices."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alloyworks.errors import FieldError, Invalid
from alloyworks.web.forms.fields import Faults, Field, text_of

OWNERS = {
    "pattern": ("regex",),
    "tolerance": ("numeric",),
    "json_schema": ("json_valid",),
    "choices": ("multiple_choice", "multiple_choice_norm"),
}
SETTINGS = tuple(OWNERS)
_SHOWN = {
    "pattern": Field(
        "pattern",
        "Pattern",
        help="What answers must fit; none: the expected answer is the pattern",
        kind="text",
    ),
    "tolerance": Field(
        "tolerance",
        "Tolerance",
        help="Largest difference, as a share of what is expected",
        placeholder="0",
    ),
    "json_schema": Field(
        "json_schema",
        "JSON schema",
        help="That answers must fit; none: any JSON",
        placeholder='{"type": "object"}',
        kind="lines",
    ),
    "choices": Field(
        "choices",
        "Choices",
        help="Those of every question, one a line; what is expected is one of them",
        kind="lines",
    ),
}


def fields(metric: str, under: str, values: Mapping[str, str], faults: Faults) -> list[Field]:
    """The inputs of this metric, for the test set at `under`."""
    places = {name: f"{under}.{name}" for name in OWNERS if metric in OWNERS[name]}
    return [
        replace(_SHOWN[name], name=at, value=values.get(at, ""), errors=faults.at(at))
        for name, at in places.items()
    ]


def shown(name: str, value: Any) -> str:
    """A value of a test set as a person would type it."""
    if name == "choices" and value:
        return "\n".join(value)
    if name == "json_schema" and value:
        return json.dumps(value, indent=2, ensure_ascii=False)
    if name == "tolerance" and not value:
        return ""
    return text_of(value)


def read(row: Mapping[str, str], place: Sequence[str | int]) -> dict[str, Any]:
    """A test set as its spec has it, without what is another metric's. Raises Invalid."""
    metric = row.get("metric", "")
    kept: dict[str, Any] = {
        name: text for name, text in row.items() if name not in OWNERS or metric in OWNERS[name]
    }
    if "choices" in kept:
        kept["choices"] = [line.strip() for line in kept["choices"].splitlines() if line.strip()]
    if "json_schema" in kept:
        kept["json_schema"] = _json(kept["json_schema"], [*place, "json_schema"])
    return kept


def _json(text: str, place: list[str | int]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        fault = FieldError(tuple(place), f"This is not JSON: {error}.", "Correct it.")
        raise Invalid("The form has a fault.", [fault]) from None
