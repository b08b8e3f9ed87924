"""Test examples that were in the training data are found, and no others."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from alloyengine.cli.data import app
from alloyengine.evaluate.contamination import Guard, Said, overlap, said_in
from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.run import run

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(tmp_path: Path, training: dict[str, Any], *tests: dict[str, Any]) -> list[int]:
    learned = write(tmp_path / "train.jsonl", training)
    return overlap([learned], write(tmp_path / "test.jsonl", *tests)).found


def test_thirteen_words_in_a_row_are_found(tmp_path: Path):
    text = {"text": f"Before it, {LONG.upper().replace(' ', ', ')}! And after."}
    shorter = " ".join(LONG.split()[:12]) + " and something else follows here"
    assert found(tmp_path, text, {"text": LONG}, {"text": shorter}) == [0]


def test_twelve_are_not(tmp_path: Path):
    gap = LONG.split()
    gap[6:6] = ["gap"]
    assert found(tmp_path, {"text": LONG}, {"text": " ".join(gap)}) == []


def test_a_short_example_is_found_whole_or_by_its_question(tmp_path: Path):
    training = {"prompt": "Symbol of gold?", "completion": "Au, of course."}
    tests = [
        {"prompt": "symbol of GOLD", "completion": "Au"},
        {"prompt": "Symbol of tin?", "completion": "Sn"},
        {"text": "Symbol of gold? Au of course"},
        {"question": "Symbol of gold?", "choices": ["Au", "Ag"], "answer": 0},
    ]
    assert found(tmp_path, training, *tests) == [0, 2, 3]


def test_what_systems_are_told_is_nobodys_own(tmp_path: Path):
    def chat(asked: str) -> dict[str, Any]:
        roles = [("system", LONG), ("user", asked), ("assistant", "Yes.")]
        return {"messages": [{"role": role, "content": text} for role, text in roles]}

    assert found(tmp_path, chat("Is it so?"), chat("Or is it otherwise?")) == []


def test_a_phrase_of_the_whole_test_set_counts_for_nothing():
    tests = [Said(f"{LONG} number {n} is the question of this example") for n in range(11)]
    guard = Guard(tests)
    guard.pass_by(Said(f"{LONG} and nothing else"))
    assert guard.overlap().found == []
    guard.pass_by(tests[3])
    assert guard.overlap().found == [3]


def test_shares_say_how_much_was_met():
    guard = Guard([Said(LONG)], n=13)
    guard.pass_by(Said(" ".join(LONG.split()[:13])))
    told = guard.overlap()
    assert (told.shares, told.share, told.examples) == ([0.5], 1.0, 1)
    assert told.shown == [" ".join(LONG.split()[:13])]


def test_empty_texts_are_nowhere(tmp_path: Path):
    assert found(tmp_path, {"text": ""}, {"text": ""}, {"text": "..."}) == []


def test_rows_of_any_kind_are_read():
    chosen = [{"role": "assistant", "content": "yes"}]
    assert said_in({"prompt": "Is it?", "chosen": chosen, "rejected": []}).asked == "Is it?"
    assert "yes" in said_in({"prompt": "Is it?", "chosen": chosen, "rejected": []}).whole


@pytest.mark.parametrize("n", [3, 13])
def test_the_command_tells_and_writes(n: int, tmp_path: Path):
    write(tmp_path / "train.jsonl", {"text": LONG})
    write(tmp_path / "test.jsonl", {"text": "one two three"}, {"text": "other words"})
    words = ["overlap", tmp_path, tmp_path, "--n", n, "--json", tmp_path / "found.json"]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0
    [told] = json.loads((tmp_path / "found.json").read_text()).values()
    assert told["found"] == ([0] if n == 3 else [])


def test_a_models_card_says_what_its_test_split_shares(llama: Path, tmp_path: Path):
    rows = [{"prompt": f"Symbol of {n}?", "completion": "Au"} for n in range(8)]
    (tmp_path / "d").mkdir()
    write(tmp_path / "d/train.jsonl", *rows)
    write(tmp_path / "d/test.jsonl", rows[0], {"prompt": "Another?", "completion": "No"})
    spec = TrainSpec.model_validate(
        {"model": "m", "dataset": "d", "max_steps": 1, "tuning": "full"}
    )
    run(spec, {"m": llama, "d": tmp_path / "d"}, tmp_path / "out", Silent())
    card = (tmp_path / "out/README.md").read_text()
    assert "| Test examples of `d` | 1 of 2 (50.0%) share 13 words" in card
