"""What is trained of a conversation, under five chat templates, and how it is shown."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from alloyengine.cli.main import main
from alloyengine.errors import InputError
from alloyengine.merge.tokenizer.chat import choose_template
from alloyengine.spec.objective import Cpt, Dpo, Sft
from alloyengine.spec.tokenizer import NAMED_TEMPLATES
from alloyengine.train.examples import told
from alloyengine.train.preview import Piece, Shown, preview

ASK, ANSWER = "Symbol of gold?", "It is Au."
TALK = [
    {"role": "user", "content": ASK},
    {"role": "assistant", "content": ANSWER},
    {"role": "user", "content": "And of silver?"},
    {"role": "assistant", "content": "It is Ag."},
]
WITH_SYSTEM = [{"role": "system", "content": "Be short."}, *TALK]
KNOW_SYSTEM = ("chatml", "exaone", "llama3")


def test_an_example_of_countless_pieces_is_shown_in_part():
    pieces = tuple(Piece(f"{n:04}", bool(n % 2), False) for n in range(5000))
    shown = told(Shown("row 1", pieces, tokens=5000, trained=2500, cut=0))["pieces"]
    assert len(shown) == 2001
    assert sum(len(piece["text"]) + piece["more"] for piece in shown) == 4 * 5000


@pytest.fixture
def tokenizer(llama: Path) -> Any:
    return AutoTokenizer.from_pretrained(llama)


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


@pytest.mark.parametrize(
    ("name", "system"),
    [(n, False) for n in NAMED_TEMPLATES if n != "auto"] + [(n, True) for n in KNOW_SYSTEM],
)
def test_answers_are_trained_and_nothing_else(
    tokenizer: Any, tmp_path: Path, name: str, system: bool
):
    tokenizer.chat_template = choose_template(name, {}, None)
    talk = WITH_SYSTEM if system else TALK
    (shown,) = preview(written(tmp_path, {"messages": talk}), tokenizer, Sft(), 512, 3)
    trained = [piece.text for piece in shown.pieces if piece.trained]
    given = "".join(piece.text for piece in shown.pieces if not piece.trained)
    assert len(trained) == 2
    for text, answer in zip(trained, ("It is Au.", "It is Ag."), strict=True):
        assert text.lstrip().startswith(answer)
    assert ASK in given and "And of silver?" in given
    assert "Au" not in given and "Ag" not in given
    assert ("Be short." in given) == system
    whole = "".join(piece.text for piece in shown.pieces)
    assert whole == tokenizer.apply_chat_template(talk, tokenize=False)  # as it will be served
    assert not shown.alarm


def test_what_is_beyond_the_length_is_cut_and_said(tokenizer: Any, tmp_path: Path):
    (shown,) = preview(written(tmp_path, {"messages": TALK}), tokenizer, Sft(), 40, 1)
    assert shown.cut == shown.tokens - 40
    assert "tokens are cut off" in shown.alarm
    assert not any(piece.trained and piece.cut for piece in shown.pieces)


def test_nothing_trained_is_an_alarm(tokenizer: Any, tmp_path: Path):
    (shown,) = preview(written(tmp_path, {"messages": TALK[:1]}), tokenizer, Sft(), 512, 1)
    assert shown.trained == 0
    assert "Nothing is trained here" in shown.alarm


def test_texts_and_preferences_are_shown_too(tokenizer: Any, tmp_path: Path):
    (text,) = preview(written(tmp_path, {"text": "All of it."}), tokenizer, Cpt(), 512, 1)
    assert "".join(p.text for p in text.pieces if p.trained).endswith(
        "of it." + tokenizer.eos_token
    )
    row = {"prompt": "Colour?", "chosen": "blue", "rejected": "red"}
    shown = preview(written(tmp_path, row), tokenizer, Dpo(), 512, 2)
    assert [s.title for s in shown] == ["row 1, chosen", "row 1, rejected"]
    assert "blue" in "".join(p.text for p in shown[0].pieces if p.trained)


def test_the_command_shows_it(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = written(tmp_path, {"messages": TALK}, {"messages": TALK[:1]})
    words = ["alloy", "data", "preview", str(file), "--model", str(llama)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (0, None)
    said = capsys.readouterr().out
    assert "row 1:" in said and "tokens are trained" in said
    assert "Nothing is trained here" in said


def test_a_line_that_can_not_be_read_is_named(tokenizer: Any, tmp_path: Path):
    with pytest.raises(InputError, match="Line 2"):
        preview(written(tmp_path, {"text": "a"}, {"other": 1}), tokenizer, Sft(), 512, 5)
