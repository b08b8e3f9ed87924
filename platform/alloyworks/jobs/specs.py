"""A job spec as somebody sent it: read, or refused with every fault in the user's words.

Pydantic says what is wrong, the spec's own JSON schema what would be right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from alloyengine.spec.job import AnySpec, job_spec
from alloyworks.catalog.ingest.faults import shown
from alloyworks.errors import FieldError, Invalid

JobSpec = AnySpec
Schema = dict[str, Any]

SCHEMA: Schema = job_spec.json_schema()
MOST = 100
"""So many faults are told at once."""
CLIPPED = 80
"""Characters that are quoted of a text."""

# Pydantic's type of error (or its beginning): what to say, and what to do about it.
WORDS = {
    "missing": ("{name} is missing.", "Add it."),
    "extra_forbidden": ("There is no field {name!r} here.", "{near}"),
    "union_tag_not_found": ("{name} is missing.", "Use {known}."),
    "union_tag_invalid": ("There is no {name} {tag!r}.", "Use {known}."),
    "literal_error": ("{name} can't be {given}.", "{choice}"),
    "greater_than_equal": ("{given} is too small.", "Use at least {ge}."),
    "greater_than": ("{given} is too small.", "Use more than {gt}."),
    "less_than_equal": ("{given} is too large.", "Use at most {le}."),
    "less_than": ("{given} is too large.", "Use less than {lt}."),
    "too_short": ("{name} has too few entries.", "Give at least {min_length}."),
    "too_long": ("{name} has too many entries.", "Give at most {max_length}."),
    "string_too_short": ("{name} is empty.", "Fill it in."),
    "string_too_long": ("{name} is longer than {max_length} characters.", "Shorten it."),
    "finite_number": ("{given} is not a finite number.", "Use a number such as 0.5."),
    "string_": ("{given} is not a text.", "Write a text in quotes."),
    "int_": ("{given} is not a whole number.", "Use a whole number such as 3."),
    "float_": ("{given} is not a number.", "Use a number such as 0.5."),
    "bool_": ("{given} is neither true nor false.", "Use true or false."),
    "list_": ("{given} is not a list.", "Write a list: [ ]."),
    "dict_": ("{given} is not an object.", "Write an object: {{ }}."),
    "model_": ("{given} is not an object.", "Write an object: {{ }}."),
    "rule": ("{msg}.", "{remedy}"),
    "": ("{msg}.", "The form of job specs is described at /api/v1/docs."),
}


def read(raw: Any) -> JobSpec:
    """Invalid tells all faults at once; `loc` is the place in the spec."""
    try:
        return job_spec.validate_python(raw)
    except ValidationError as error:
        raise refused(_faults(error)) from None


def refused(faults: Sequence[FieldError]) -> Invalid:
    one = len(faults) == 1
    detail = faults[0].msg if one else f"{len(faults)} things in the job spec are wrong."
    return Invalid(detail, list(faults))


def _faults(error: ValidationError) -> list[FieldError]:
    """One fault a place: where several forms are allowed, pydantic complains of each."""
    found: dict[tuple[str | int, ...], FieldError] = {}
    for detail in error.errors(include_url=False):
        fault = _fault(detail)
        found.setdefault(tuple(fault.loc), fault)
        if len(found) == MOST:
            break
    return list(found.values())


def _fault(detail: ErrorDetails) -> FieldError:
    place = _walk(detail["loc"])
    msg, remedy = next(words for kind, words in WORDS.items() if detail["type"].startswith(kind))
    misspelt = detail["type"] == "literal_error" and isinstance(detail["input"], str)
    if not place.whole and not misspelt:
        msg, remedy = "{given} can't be used as {name}.", "Give {forms}."
    extra = detail.get("ctx", {})
    within = place.node.get("discriminator", {})
    # The field to blame, where pydantic names the object around it.
    tag = within["propertyName"] if detail["type"].startswith("union_tag") else None
    field = extra.get("field", tag)
    loc = [*place.loc, field] if field else place.loc
    name = next((step for step in reversed(loc) if isinstance(step, str)), "spec")[:CLIPPED]
    context = {key: _tidy(value) for key, value in extra.items()} | {
        "name": name,
        "given": shown(detail["input"]),
        "known": " or ".join(map(repr, within.get("mapping", ()))),
        "near": _near(name, place.siblings),
        "choice": _choice(detail["input"], place.node, extra),
        "forms": place.node.get("description", "what /api/v1/docs describes"),
        "msg": detail["msg"].rstrip("."),
    }
    return FieldError(loc, msg.format_map(context), remedy.format_map(context))


@dataclass
class _Place:
    """Where an error is in the spec; `whole` unless it is one of several forms of a value."""

    loc: list[str | int]
    node: Schema
    siblings: list[str]
    whole: bool = True


def _walk(loc: Sequence[str | int]) -> _Place:
    """Pydantic's `loc` also names the member of a union that it tried; a spec has no such level."""
    place, rest = _Place([], _plain(SCHEMA), []), list(loc)
    while rest:
        node = place.node
        if mapping := node.get("discriminator", {}).get("mapping"):
            place.node = _plain({"$ref": mapping[rest.pop(0)]})
        elif "anyOf" in node:
            place.whole = False
            break
        else:
            step = rest.pop(0)
            inner = node.get("properties", {}).get(step) or node.get("items")
            place.loc.append(step)
            place.siblings = list(node.get("properties", ()))
            place.node = _plain(inner or node.get("additionalProperties") or {})
    return place


def _plain(node: Schema) -> Schema:
    """What a reference points to, and what is meant by "this or null"."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return _plain(SCHEMA["$defs"][name])
    forms = [form for form in node.get("anyOf", ()) if form != {"type": "null"}]
    return _plain(forms[0]) if len(forms) == 1 else node


def _choice(given: Any, node: Schema, extra: Mapping[str, Any]) -> str:
    """The value that was meant, or all there are."""
    known = [
        value for form in (node, *node.get("anyOf", ())) for value in _plain(form).get("enum", ())
    ]
    close = get_close_matches(given, known, n=1) if isinstance(given, str) else []
    return f"Did you mean {close[0]!r}?" if close else f"Use {extra.get('expected')}."


def _tidy(value: Any) -> Any:
    """Limits as people write them, and nothing endless."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value[:CLIPPED] if isinstance(value, str) else value


def _near(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Remove it; known are {', '.join(known)}."
