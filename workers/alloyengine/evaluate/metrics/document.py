"""Answers that are to be JSON."""

import json
import re
from typing import Any

from alloyengine.errors import InputError
from alloyengine.evaluate.metrics.rule import Grade
from alloyengine.spec.evaluate import TestSet

_FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n?```\Z", re.DOTALL)


def json_valid(test: TestSet) -> Grade:
    """The whole answer is JSON (in a Markdown fence, maybe) and fits the schema, if there is one."""
    fits = _validator(test.json_schema) if test.json_schema is not None else None

    def grade(answer: str, _: str) -> float:
        try:
            value = parsed(answer)
            return float(fits is None or bool(fits.is_valid(value)))
        except (ValueError, RecursionError):
            return 0.0

    return grade


def parsed(answer: str) -> Any:
    """ValueError for what is no JSON, NaN and Infinity among it."""
    text = answer.strip()
    fenced = _FENCED.match(text)
    return json.loads(fenced[1] if fenced else text, parse_constant=_no_number)


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _validator(schema: dict[str, Any]) -> Any:
    """Its patterns are matched in linear time, and it fetches nothing."""
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            schema, pattern_options=jsonschema_rs.RegexOptions(), retriever=_fetch_nothing
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            "json_schema", f"json_schema can't be used: {reason}.", "Correct the schema."
        ) from None


def _fetch_nothing(uri: str) -> Any:
    raise ValueError(f"{uri[:80]} is outside of the schema")
