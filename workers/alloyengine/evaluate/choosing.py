"""Multiple choice: the model takes the choice that it finds likeliest after the question."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from alloyengine.evaluate.examples import Advance, Choices
from alloyengine.evaluate.likelihood import Pair, likelihoods
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.prefix import Tokens
from alloyengine.evaluate.scores import Figure, mean
from alloyengine.spec.evaluate import TestSet
from alloyengine.train.encode import render


def chosen(
    loaded: Loaded, asked: Sequence[Choices], test: TestSet, batch_size: int, advance: Advance
) -> tuple[Figure, list[dict[str, Any]]]:
    """By log-likelihood; multiple_choice_norm: by log-likelihood a character, so that long choices
    are not at a disadvantage (acc_norm of lm-evaluation-harness).
    """
    pairs = [pair for row in asked for pair in _pairs(row, loaded.tokenizer)]
    read = likelihoods(loaded, pairs, batch_size, _of_examples(advance, len(pairs), len(asked)))
    totals = iter([each.total for each in read])
    by_length = test.metric == "multiple_choice_norm"
    results = [_result(row, list(islice(totals, len(row.choices))), by_length) for row in asked]
    return mean([result["score"] for result in results]), results


def _pairs(row: Choices, tokenizer: Any) -> list[Pair]:
    """After the chat template's generation prompt; without a template, as text that goes on."""
    if tokenizer.chat_template:
        text = render(row.messages, tokenizer, answer_next=True)
        context = _tokens(tokenizer, text, add_special_tokens=False)
        ends = (_tokens(tokenizer, choice, add_special_tokens=False) for choice in row.choices)
        return [(context, end) for end in ends]
    text = "\n\n".join(message["content"] for message in row.messages).rstrip()
    context = _tokens(tokenizer, text)
    wholes = (_tokens(tokenizer, f"{text} {choice}") for choice in row.choices)
    return [(context, whole[len(context) :]) for whole in wholes]


def _tokens(tokenizer: Any, text: str, **how: Any) -> Tokens:
    return list(tokenizer(text, **how)["input_ids"])


def _of_examples(advance: Advance, pairs: int, examples: int) -> Advance:
    """Told of pairs, tells of examples."""
    done = 0

    def told(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        advance(done * examples // pairs - before * examples // pairs)

    return told


def _result(row: Choices, totals: Sequence[float], by_length: bool) -> dict[str, Any]:
    marks = [
        total / len(choice) if by_length else total
        for total, choice in zip(totals, row.choices, strict=True)
    ]
    taken = marks.index(max(marks))
    return {
        "prompt": row.messages,
        "choices": list(row.choices),
        "expected": row.choices[row.right],
        "answer": row.choices[taken],
        "loglikelihoods": list(totals),
        "correct": taken == row.right,
        "score": float(taken == row.right),
    }
