"""Pairs of a better and a worse answer, as texts or as whole conversations."""

from collections.abc import Mapping
from typing import Any

from alloyworks.catalog.ingest.chat import Message, conversation, messages, text_of
from alloyworks.catalog.ingest.faults import RowFault

Prompt = str | list[Message]


def preference(values: Mapping[str, Any]) -> dict[str, Any]:
    """Prompt and both answers; the prompt is a text, or the messages of several turns."""
    before, chosen = _answer(values, "chosen")
    other, rejected = _answer(values, "rejected")
    if before != other:
        remedy = "Both conversations must be equal up to their last message."
        raise RowFault(["rejected"], "answers another conversation than `chosen`", remedy)
    if chosen == rejected:
        remedy = "Give two different answers, or remove the line."
        raise RowFault(["rejected"], "is the same as `chosen`", remedy)
    prompt = _plain(before) if before else _prompt(values)
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


def _answer(values: Mapping[str, Any], column: str) -> tuple[list[Message], str]:
    """The messages before the answer (none for a mere text), and the answer."""
    value = values.get(column)
    if not isinstance(value, list):
        return [], text_of(values, column)
    if len(value) > 1:
        found = conversation(value, column)
        return found[:-1], found[-1]["content"]
    found = messages(value, [column])
    if [message["role"] for message in found] != ["assistant"]:
        remedy = "Let the last message be the assistant's."
        raise RowFault([column], "does not end with an assistant's answer", remedy)
    return [], found[0]["content"]


def _prompt(values: Mapping[str, Any]) -> Prompt:
    value = values.get("prompt")
    if isinstance(value, list):
        return _plain(messages(value, ["prompt"]))
    return text_of(values, "prompt")


def _plain(said: list[Message]) -> Prompt:
    """A single question is a text."""
    alone = len(said) == 1 and said[0]["role"] == "user"
    return said[0]["content"] if alone else said
