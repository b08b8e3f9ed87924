"""JSON as the standard says, and no more of it than we can store."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

DEPTH = 32
DIGITS = 400


def parse(text: str) -> Any:
    """The value; ValueError says in words what is wrong with it."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        fault = error.msg.removesuffix(" at")
        raise ValueError(f"{fault} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEPTH} levels") from None
    _refuse_depth(value)
    # Only escapes can hide what the bytes were searched for already.
    if "\\u" in text:
        refuse_unstorable(value)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"the key {counts.most_common(1)[0][0][:80]!r} is there twice")
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:80]} is too large")
    return value


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise ValueError(f"a number has {len(digits)} digits, at most {DIGITS} are allowed")
    return int(digits)


# Made once: `json.loads` would make one for every line.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_duplicates,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_integer,
)


def _refuse_depth(value: Any) -> None:
    layer = [value]
    for _ in range(DEPTH + 1):
        layer = [inner for item in layer for inner in _children(item)]
        if not layer:
            return
    raise ValueError(f"it is nested deeper than {DEPTH} levels")


def refuse_unstorable(value: Any) -> None:
    """ValueError when a text in the value, or a key, can't be stored."""
    for text in _texts(value):
        if "\0" in text:
            raise ValueError("a text holds the character U+0000")
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise ValueError("a text holds half of a surrogate pair")


def _texts(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            yield from item
            left += item.values()
        elif isinstance(item, list):
            left += item


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
