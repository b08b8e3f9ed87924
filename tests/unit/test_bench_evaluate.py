"""The tasks that `bench evaluate` measures with, and what it calls equal."""

import json
from pathlib import Path

import pytest
import yaml

from bench import evaluate
from bench.evaluate_tasks import LETTERS, TASKS, facts


def test_every_question_has_four_answers_and_the_right_one_among_them():
    assert len(facts()) > 100
    for fact in facts():
        assert len(set(fact.cities)) == 4
        assert 0 <= fact.right < 4
    assert {fact.country: fact.cities[fact.right] for fact in facts()}["France"] == "Paris"


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_written_with_its_documents(task, tmp_path: Path):
    config = yaml.safe_load(task.write(tmp_path).read_text())
    docs = [json.loads(line) for line in (tmp_path / "docs.jsonl").open()]
    shots = [json.loads(line) for line in (tmp_path / "shots.jsonl").open()]
    assert len(docs) == task.examples
    assert len(shots) >= config["num_fewshot"]
    assert not {doc["context"] for doc in docs} & {shot["context"] for shot in shots}


def test_letters_name_the_cities():
    doc = TASKS[-1].doc(facts()[0])
    assert doc["choices"] == LETTERS
    assert f"A. {facts()[0].cities[0]}\n" in doc["context"]


@pytest.mark.parametrize(
    ("totals", "scores", "equal"),
    [
        ([-1.0, -200.0], 0.5, True),
        ([-1.00005, -200.01], 0.5, True),
        ([-1.01, -200.0], 0.5, False),
        ([-1.0, -200.0], 0.4, False),
    ],
)
def test_what_is_equal(totals: list[float], scores: float, equal: bool):
    theirs = {"totals": [-1.0, -200.0], "scores": {"acc": 0.5}}
    assert evaluate._equal({"totals": totals, "scores": {"acc": scores}}, theirs) is equal
