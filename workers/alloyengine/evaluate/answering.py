"""A test set's questions, answered and graded."""

from typing import Any

from alloyengine.evaluate.answers import Answerer
from alloyengine.evaluate.examples import Advance, Question, Row, question
from alloyengine.evaluate.metrics import ANSWERED
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.scores import Figure, mean
from alloyengine.spec.evaluate import TestSet
from alloyengine.train.encode import render

Results = list[dict[str, Any]]


def answered(
    loaded: Loaded, rows: list[Row], test: TestSet, batch_size: int, advance: Advance
) -> tuple[Figure, Results]:
    """By one of the metrics that look at an answer; `correct` are answers graded 1."""
    grade = ANSWERED[test.metric](test)
    questions = [question(row, test.metric) for row in rows]
    answers = ask(loaded, questions, test.max_new_tokens, batch_size, advance)
    grades = [grade(said, q.expected) for said, q in zip(answers, questions, strict=True)]
    results = [
        {
            "prompt": q.messages,
            "expected": q.expected,
            "answer": said,
            "correct": value == 1,
            "score": value,
        }
        for q, said, value in zip(questions, answers, grades, strict=True)
    ]
    return mean(grades), results


def ask(
    loaded: Loaded, questions: list[Question], longest: int, batch_size: int, advance: Advance
) -> list[str]:
    """The model answers greedily, after its chat template's generation prompt."""
    texts = [render(q.messages, loaded.tokenizer, answer_next=True) for q in questions]
    prompts = loaded.tokenizer(texts, add_special_tokens=False)["input_ids"]
    answers = [""] * len(prompts)
    for batch in Answerer(loaded, prompts, longest).batches(batch_size):
        for index, tokens in batch:
            answers[index] = loaded.tokenizer.decode(tokens, skip_special_tokens=True)
        advance(len(batch))
    return answers
