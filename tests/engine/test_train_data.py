import json
from pathlib import Path
from typing import Any

import pytest

from alloyengine.errors import InputError
from alloyengine.train.data import conversation, read_rows

EXCHANGE = [
    {"role": "user", "content": "Symbol of gold?"},
    {"role": "assistant", "content": "Au"},
]


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": EXCHANGE},
        {"prompt": "Symbol of gold?", "completion": "Au"},
        {"instruction": "Symbol of gold?", "output": "Au"},
        {"instruction": "Symbol of gold?", "input": "", "output": "Au"},
    ],
)
def test_each_format_becomes_the_same_conversation(fields: dict[str, Any]):
    assert conversation(fields) == EXCHANGE


def test_the_input_of_an_instruction_follows_it():
    row = {"instruction": "Translate.", "input": "Gold", "output": "Or"}
    assert conversation(row)[0]["content"] == "Translate.\n\nGold"


def test_plain_text_stays_text():
    assert conversation({"text": "Once."}) == "Once."


def test_a_folder_gives_its_train_split(tmp_path: Path):
    written(tmp_path / "train.jsonl", json.dumps({"text": "a"}), "", json.dumps({"text": "b"}))
    assert list(read_rows(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "Line 2 is not JSON"),
        ('{"question": "?", "answer": "!"}', "Line 2 .* fields are answer, question"),
        ("[1]", "Line 2 .* not an object"),
        ('{"messages": ["hello"]}', "Line 2 has nothing to learn from"),
        ('{"prompt": "a", "chosen": "b", "rejected": "c"}', "Line 2 has nothing to learn from"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, words: str):
    file = written(tmp_path / "rows.jsonl", '{"text": "fine"}', line)
    with pytest.raises(InputError, match=words):
        list(read_rows(file))


def test_missing_data_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"no training data at 'train\.jsonl'"):
        list(read_rows(tmp_path))


def test_a_line_that_never_ends_is_not_held_in_memory(tmp_path: Path):
    path = tmp_path / "train.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "a"}\n{"text": "')
        file.truncate(1 << 30)  # a gigabyte of zeros, which takes no room
    rows = read_rows(path)
    assert next(rows) == "a"
    with pytest.raises(InputError, match="Line 2 is longer than 64 MB"):
        next(rows)


def test_what_is_not_utf_8_is_told_by_its_line(tmp_path: Path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "\xff"}\n')
    with pytest.raises(InputError, match="Line 2 is not JSON"):
        list(read_rows(path))
