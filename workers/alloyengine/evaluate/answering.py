"""A test set's questions, answered and graded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from alloyengine.evaluate.answers import Answerer
from alloyengine.evaluate.examples import Advance, Question, Row, question
from alloyengine.evaluate.metrics import ANSWERED
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.scores import Figure, mean
from alloyengine.spec.evaluate import TestSet
from alloyengine.train.data import Messages
from alloyengine.train.encode import render

Results = list[dict[str, Any]]


@dataclass(frozen=True)
class Said:
    """An answer, and the tokens it took: read, and written."""

    text: str
    read: int
    written: int


def answered(
    loaded: Loaded, rows: list[Row], test: TestSet, batch_size: int, advance: Advance
) -> tuple[Figure, Results]:
    """By one of the metrics that look at an answer."""
    questions = [question(row, test.metric) for row in rows]
    asked = [q.messages for q in questions]
    said = ask(loaded, asked, test.max_new_tokens, batch_size, advance)
    return graded(test, told(questions, said))


def ask(
    loaded: Loaded, asked: Sequence[Messages], longest: int, batch_size: int, advance: Advance
) -> list[Said]:
    """The model answers greedily, after its chat template's generation prompt."""
    texts = [render(messages, loaded.tokenizer, answer_next=True) for messages in asked]
    prompts = loaded.tokenizer(texts, add_special_tokens=False)["input_ids"]
    answers: dict[int, Said] = {}
    for batch in Answerer(loaded, prompts, longest).batches(batch_size):
        for index, tokens in batch:
            text = loaded.tokenizer.decode(tokens, skip_special_tokens=True)
            answers[index] = Said(text, len(prompts[index]), len(tokens))
        advance(len(batch))
    return [answers[index] for index in range(len(prompts))]


def told(questions: Iterable[Question], said: Iterable[Said]) -> Results:
    """Of each question, what was answered."""
    return [
        {
            "prompt": q.messages,
            "expected": q.expected,
            "answer": one.text,
            "read": one.read,
            "written": one.written,
        }
        for q, one in zip(questions, said, strict=True)
    ]


def graded(test: TestSet, results: Results) -> tuple[Figure, Results]:
    """What was `told`, with what it is worth; `correct` are answers graded 1."""
    grade = ANSWERED[test.metric](test)
    grades = [grade(row["answer"], row["expected"]) for row in results]
    rows = [
        {**row, "correct": value == 1, "score": value}
        for row, value in zip(results, grades, strict=True)
    ]
    return mean(grades), rows
