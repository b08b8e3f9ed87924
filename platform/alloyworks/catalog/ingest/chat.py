"""Conversations, as `messages` of role and content, or in the `from`/`value` style of ShareGPT."""

from collections.abc import Mapping
from typing import Any

from alloyworks import strictjson
from alloyworks.catalog.ingest.faults import Loc, RowFault, shown

Message = dict[str, str]
_SPEAKERS = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "tool": "tool",
}


def conversation(value: Any, column: str) -> list[Message]:
    """Messages that end with an answer. Raises RowFault."""
    found = messages(value, [column])
    if len([m for m in found if m["role"] != "system"]) < 2 or found[-1]["role"] != "assistant":
        raise RowFault(
            [column],
            "does not end with an assistant's answer to somebody",
            "Let the last message be the answer to learn, after what is asked.",
        )
    return found


def messages(value: Any, loc: Loc) -> list[Message]:
    """Raises RowFault. Empty system messages, which some exports hold, are left out."""
    if isinstance(value, str):
        value = _parsed(value, loc)
    if not isinstance(value, list) or not value:
        what = "is empty" if value == [] else f"is {shown(value)}, not a list of messages"
        raise RowFault(loc, what, 'Give messages such as {"role": "user", "content": "…"}.')
    found = [_message(item, [*loc, index]) for index, item in enumerate(value)]
    return [message for message in found if message is not None]


def _parsed(text: str, loc: Loc) -> Any:
    """A list in a field of a CSV file."""
    try:
        return strictjson.parse(text)
    except ValueError as error:
        remedy = "Write the messages as a JSON list."
        raise RowFault(loc, f"is not JSON: {error}", remedy) from None


def _message(item: Any, loc: Loc) -> Message | None:
    if not isinstance(item, dict):
        remedy = 'Write {"role": "user", "content": "…"}.'
        raise RowFault(loc, f"is {shown(item)}, not a message", remedy)
    speaker, content = ("from", "value") if "from" in item else ("role", "content")
    role = _role(item, [*loc, speaker])
    if role == "system" and item.get(content) == "":
        return None
    return {"role": role, "content": text_of(item, content, [*loc, content])}


def _role(item: Mapping[str, Any], loc: Loc) -> str:
    given = item.get(str(loc[-1]))
    role = _SPEAKERS.get(given) if isinstance(given, str) else None
    if role is None:
        what = f"is {shown(given)}, not a role" if given is not None else "is missing"
        raise RowFault(loc, what, "Use system, user, assistant or tool.")
    return role


def text_of(values: Mapping[str, Any], column: str, loc: Loc | None = None) -> str:
    """A text that is not blank. Raises RowFault."""
    value = values.get(column)
    if isinstance(value, str) and value.strip():
        return value
    loc = [column] if loc is None else loc
    if column not in values:
        raise RowFault(loc, "is missing", "Add it, or remove the line.")
    if isinstance(value, str):
        raise RowFault(loc, "is empty", "Fill it in, or remove the line.")
    raise RowFault(loc, f"is {shown(value)}, not a text", "Write a text in quotes.")
