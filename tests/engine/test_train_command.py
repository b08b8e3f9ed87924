import json
import sys
from pathlib import Path

import pytest

from alloyengine.cli.main import main
from alloyengine.cli.specs import read_spec
from alloyengine.errors import InputError
from alloyengine.spec.train import TrainSpec

SPEC = """
model: llama
dataset: rows.jsonl
tuning: {method: spectrum, percent: 50}
batch_size: 2
max_steps: 2
"""


def spec_file(folder: Path, text: str = SPEC) -> Path:
    (folder / "spec.yml").write_text(text)
    return folder / "spec.yml"


def test_a_model_is_trained_from_a_spec_file(
    llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    row = json.dumps({"prompt": "Symbol of gold?", "completion": "Au"})
    (tmp_path / "rows.jsonl").write_text(f"{row}\n" * 4)
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["alloy", "train", str(spec_file(tmp_path)), str(out)])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert (out / "model.safetensors").exists()
    assert "2 steps over" in capsys.readouterr().err


def test_references_are_paths_beside_the_spec(tmp_path: Path):
    spec, inputs = read_spec(TrainSpec, spec_file(tmp_path))
    assert inputs == {"llama": tmp_path / "llama", "rows.jsonl": tmp_path / "rows.jsonl"}
    assert spec.max_steps == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: [", "is not YAML"),
        ("{model: a, dataset: b, epochs: -1}", "epochs: Input should be greater than 0"),
        ("{model: a, dataset: b, epoch: 1}", "epoch: Extra inputs are not permitted"),
        ("[]", "Input should be a valid dictionary"),
    ],
)
def test_a_wrong_spec_names_the_field(tmp_path: Path, text: str, words: str):
    with pytest.raises(InputError, match=words):
        read_spec(TrainSpec, spec_file(tmp_path, text))


def test_a_missing_spec_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"nothing\.yml can't be read: No such file"):
        read_spec(TrainSpec, tmp_path / "nothing.yml")
