"""Multiple choice by log-likelihood."""

import json
from pathlib import Path
from typing import Any

import pytest

from alloyengine.errors import InputError
from alloyengine.evaluate import choosing
from alloyengine.evaluate.examples import Choices, read_examples
from alloyengine.evaluate.models import load
from alloyengine.evaluate.reading import Likelihood
from alloyengine.evaluate.score import score
from alloyengine.spec.evaluate import TestSet

ASKED = [{"role": "user", "content": "Symbol of gold?"}]
METALS = ["Ag", "Au", "Pb"]


def choice_set(**settings: Any) -> TestSet:
    return TestSet.model_validate({"dataset": "d", "metric": "multiple_choice", **settings})


def rows(path: Path, *written: dict[str, Any], **settings: Any) -> list[Any]:
    (path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
    return read_examples(choice_set(**settings), path)


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Symbol of gold?", "choices": METALS, "answer": 1},
        {"question": "Symbol of gold?", "choices": METALS, "answer": "Au"},
        {"prompt": "Symbol of gold?", "choices": METALS, "completion": " Au "},
        {"messages": [*ASKED, {"role": "assistant", "content": "Au"}], "choices": METALS},
    ],
)
def test_a_question_may_be_written_in_many_ways(row: dict[str, Any], tmp_path: Path):
    assert rows(tmp_path, row) == [Choices(ASKED, tuple(METALS), 1)]


def test_all_questions_may_have_the_same_choices(tmp_path: Path):
    row = {"prompt": "Symbol of gold?", "completion": "Au"}
    assert rows(tmp_path, row, choices=METALS) == [Choices(ASKED, tuple(METALS), 1)]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"question": "?", "answer": 0}, "no choices"),
        ({"question": "?", "choices": ["a"], "answer": 0}, "no choices"),
        ({"question": "?", "choices": ["a", 1], "answer": 0}, "no choices"),
        ({"question": "?", "choices": METALS, "answer": 3}, "answer is one of its choices"),
        ({"question": "?", "choices": METALS, "answer": "Fe"}, "answer is one of its choices"),
        ({"text": "Gold is Au.", "choices": METALS}, "answer is one of its choices"),
    ],
)
def test_what_is_no_choice_is_refused_with_its_line(
    row: dict[str, Any], words: str, tmp_path: Path
):
    with pytest.raises(InputError, match=f"Line 1 of 'd' has no .*{words.removeprefix('no ')}"):
        rows(tmp_path, row)


@pytest.mark.parametrize(("metric", "taken"), [("multiple_choice", 0), ("multiple_choice_norm", 1)])
def test_the_likeliest_is_taken_and_length_may_count(
    llama: Path, metric: str, taken: int, monkeypatch: pytest.MonkeyPatch
):
    """A short choice of -2 is likelier than one of ten characters and -5; a character it is not."""
    totals = [Likelihood(-2.0, False), Likelihood(-5.0, False)]
    monkeypatch.setattr(choosing, "likelihoods", lambda *_: totals)
    row = Choices(ASKED, ("Au", "the Aurum."), 1)
    figure, [result] = score(load(llama), choice_set(metric=metric), [row], 8, lambda _: None)
    assert result["answer"] == row.choices[taken]
    assert result["loglikelihoods"] == [-2.0, -5.0]
    assert figure.value == float(taken == 1) == result["score"]


@pytest.mark.parametrize("template", [True, False])
def test_a_real_model_chooses(llama: Path, template: bool):
    loaded = load(llama)
    if not template:
        loaded.tokenizer.chat_template = None
    asked: list[Any] = [Choices(ASKED, ("Au", "Ag", "a longer one"), n) for n in range(3)]
    counted: list[int] = []
    figure, results = score(loaded, choice_set(), asked, 2, counted.append)
    assert figure.value == pytest.approx(1 / 3)  # the same question: one of three answers is right
    assert len({result["answer"] for result in results}) == 1
    assert sum(counted) == 3
