"""Messages become token ids, and marks on the tokens to be learned: what the assistant says."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from alloyengine.errors import InputError
from alloyengine.report import Reporter
from alloyengine.train.data import Messages

IGNORED = -100  # the target of a token that is not learned, as cross entropy knows it
Span = tuple[int, int]


@dataclass(frozen=True)
class Example:
    """Equally long: token ids, and the same ids with IGNORED where nothing is learned.

    `starts`: where each of several packed documents begins, the first at 0; empty when it is one.
    """

    tokens: list[int]
    targets: list[int]
    starts: tuple[int, ...] = ()


def encode(
    rows: Iterable[Messages | str], tokenizer: Any, longest: int, report: Reporter
) -> list[Example]:
    """Cuts examples to `longest` tokens and drops those with nothing to learn; says how many."""
    whole = [encode_row(row, tokenizer) for row in rows]
    if not whole:
        raise InputError("dataset_empty", "The dataset has no training rows.", "Upload more rows.")
    cut = [Example(item.tokens[:longest], item.targets[:longest]) for item in whole]
    kept = [item for item in cut if any(target != IGNORED for target in item.targets[1:])]
    if too_long := sum(len(item.tokens) > longest for item in whole):
        report.log(f"{too_long} examples were cut to max_length = {longest} tokens.", "warning")
    if dropped := len(cut) - len(kept):
        report.log(f"{dropped} examples have no answer to learn and were left out.", "warning")
    if not kept:
        raise InputError(
            "dataset_nothing_to_learn",
            f"None of the {len(whole)} training rows has an answer within {longest} tokens.",
            "Check that conversations end with an assistant's message, or raise max_length.",
        )
    return kept


def encode_row(row: Messages | str, tokenizer: Any) -> Example:
    """Plain text is learned whole and ends with the end-of-text token."""
    if isinstance(row, str):
        tokens = [*tokenizer(row).input_ids, tokenizer.eos_token_id]
        return Example(tokens, tokens)
    text, spans = assistant_spans(row, tokenizer)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    targets = [
        token if any(start <= begin < end <= stop for start, stop in spans) else IGNORED
        for token, (begin, end) in zip(encoded.input_ids, encoded.offset_mapping, strict=True)
    ]
    return Example(list(encoded.input_ids), targets)


def assistant_spans(messages: Messages, tokenizer: Any) -> tuple[str, list[Span]]:
    """The rendered conversation, and where in it the assistant speaks.

    Found by rendering every prefix, so that any template works. A template that rewrites
    earlier turns (dropping their reasoning, say) leaves only the turns it keeps as they were.
    """
    text = render(messages, tokenizer)
    spans = []
    for index, message in enumerate(messages):
        if message["role"] == "assistant":
            before = render(messages[:index], tokenizer, answer_next=True)
            after = render(messages[: index + 1], tokenizer).rstrip()
            if text.startswith(after) and after.startswith(before):
                spans.append((len(before), len(after)))
    return text, spans


def render(messages: Messages, tokenizer: Any, answer_next: bool = False) -> str:
    if not tokenizer.chat_template:
        raise InputError(
            "no_chat_template",
            "The model has no chat template, so it can't be taught conversations.",
            "Start from an instruct model, or train on a dataset of plain text.",
        )
    return str(
        tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=answer_next)
    )
