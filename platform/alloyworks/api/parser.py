"""Reads JSON bodies, and refuses what later parts could not store."""

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from alloyworks.errors import BadRequest

DIGITS = 400


class StrictJson(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        try:
            value = json.loads(request.body, parse_constant=_refuse, parse_int=_integer)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"The body is not JSON: {error}") from None
        for text in texts(value):
            _refuse_unstorable(text)
        return value


def texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            left += item


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number has {len(digits)} digits, at most {DIGITS} are allowed")
    return int(digits)


def _refuse_unstorable(text: str) -> None:
    if "\0" in text:
        raise BadRequest("A text holds the character U+0000, which can't be stored; remove it.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadRequest("A text holds half of a surrogate pair; send whole characters.")
