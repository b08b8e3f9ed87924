"""Preference data: a line of JSON becomes two conversations that differ in the last answer."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError
from alloyengine.report import Reporter
from alloyengine.train.data import Messages, is_message, lines_of
from alloyengine.train.encode import IGNORED, Example, encode_row

_Pair = tuple[Messages, Messages]


def read_pairs(dataset: Path) -> Iterator[_Pair]:
    """Of rows with prompt, chosen and rejected (text or messages), or with chosen and rejected as
    whole conversations. InputError names the line.
    """
    for number, fields in lines_of(dataset):
        pair = preference(fields)
        if pair is None:
            raise InputError(
                "dataset_columns",
                f"Line {number} is no preference pair.",
                "Give prompt, chosen and rejected, each a text or a list of messages.",
            )
        if pair[0] == pair[1]:
            raise InputError(
                "pair_equal",
                f"Line {number}: chosen and rejected are the same.",
                "Remove the line: nothing is preferred in it.",
            )
        yield pair


def preference(fields: Any) -> _Pair | None:
    """Both conversations of a row."""
    match fields:
        case {"prompt": prompt, "chosen": chosen, "rejected": rejected}:
            before = _messages(prompt, "user")
        case {"chosen": [*chosen], "rejected": [*rejected]}:
            before = []
        case _:
            return None
    good, bad = _messages(chosen, "assistant"), _messages(rejected, "assistant")
    if before is None or not good or not bad:
        return None
    both = [*before, *good], [*before, *bad]
    answers = all(conversation[-1]["role"] == "assistant" for conversation in both)
    return both if answers else None


def encode_pairs(
    rows: Iterable[_Pair], tokenizer: Any, longest: int, report: Reporter
) -> list[tuple[Example, Example]]:
    """Only the last answers are learned. Pairs that do not fit `longest` tokens are left out: what is
    cut off of one could be what made it better.
    """
    kept, dropped = [], 0
    for chosen, rejected in rows:
        pair = last_answer(chosen, tokenizer), last_answer(rejected, tokenizer)
        fits = all(len(example.tokens) <= longest for example in pair)
        if fits and all(_learns(example) for example in pair):
            kept.append(pair)
        else:
            dropped += 1
    if dropped:
        report.log(
            f"{dropped} pairs are longer than max_length = {longest} tokens, or have no answer "
            "to learn, and were left out.",
            "warning",
        )
    if not kept:
        raise InputError(
            "dataset_nothing_to_learn",
            f"No preference pair fits max_length = {longest} tokens.",
            "Raise max_length.",
        )
    return kept


def _messages(value: Any, role: str) -> Messages | None:
    match value:
        case str(text):
            return [{"role": role, "content": text}]
        case [*messages] if all(is_message(message) for message in messages):
            return messages
    return None


def last_answer(messages: Messages, tokenizer: Any) -> Example:
    whole = encode_row(messages, tokenizer)
    start = len(whole.targets)
    while start and whole.targets[start - 1] == IGNORED:
        start -= 1
    while start and whole.targets[start - 1] != IGNORED:
        start -= 1
    return Example(whole.tokens, [IGNORED] * start + whole.targets[start:])


def _learns(example: Example) -> bool:
    return any(target != IGNORED for target in example.targets[1:])
