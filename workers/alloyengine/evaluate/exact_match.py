"""Share of answers that say exactly what was expected."""

import string
from collections.abc import Callable
from typing import Any

from alloyengine.evaluate.answers import Answerer
from alloyengine.evaluate.examples import question
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.scores import Figure, share
from alloyengine.spec.evaluate import TestSet
from alloyengine.train.data import Messages
from alloyengine.train.encode import render

Advance = Callable[[int], None]
_TRAILING = string.punctuation + string.whitespace


def exact_match(
    loaded: Loaded,
    rows: list[Messages | str],
    test: TestSet,
    batch_size: int,
    advance: Advance,
) -> tuple[Figure, list[dict[str, Any]]]:
    """The model answers greedily, after its chat template's generation prompt.

    An answer is right when it equals the last assistant's message, both without surrounding
    white space and trailing punctuation, and regardless of upper and lower case.
    """
    questions = [question(row) for row in rows]
    texts = [render(q.messages, loaded.tokenizer, answer_next=True) for q in questions]
    prompts = loaded.tokenizer(texts, add_special_tokens=False)["input_ids"]
    answers = [""] * len(prompts)
    for batch in Answerer(loaded, prompts, test.max_new_tokens).batches(batch_size):
        for index, tokens in batch:
            answers[index] = loaded.tokenizer.decode(tokens, skip_special_tokens=True)
        advance(len(batch))
    right = [same(answer, q.expected) for answer, q in zip(answers, questions, strict=True)]
    results = [
        {"prompt": q.messages, "expected": q.expected, "answer": answer, "correct": correct}
        for q, answer, correct in zip(questions, answers, right, strict=True)
    ]
    return share(right), results


def same(answer: str, expected: str) -> bool:
    return _plain(answer) == _plain(expected)


def _plain(text: str) -> str:
    return text.strip().rstrip(_TRAILING).casefold()
