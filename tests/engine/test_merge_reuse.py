"""Making a merge again after a change: what has not changed is copied, and nothing else."""

import os
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from alloyengine.errors import InputError
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import Options, run
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec

TEXT = """
merge_method: linear
slices:
  - sources:
      - {model: first, layer_range: [0, 1], parameters: {weight: 0.5}}
      - {model: second, layer_range: [0, 1], parameters: {weight: 0.5}}
  - sources:
      - {model: first, layer_range: [1, 2], parameters: {weight: 0.5}}
      - {model: second, layer_range: [1, 2], parameters: {weight: 0.5}}
"""
CHANGED = TEXT.replace("[1, 2], parameters: {weight: 0.5}", "[1, 2], parameters: {weight: 0.9}", 1)


class Ear(Silent):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def log(self, message: str, level: str = "info") -> None:
        self.heard.append(message)


def make(text: str, inputs: dict[str, Path], out: Path, update: bool = True) -> str:
    ear = Ear()
    run(MergeSpec(recipe=parse(text)), inputs, out, ear, Options(update=update))
    return " ".join(ear.heard)


def weights(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


@pytest.fixture
def out(three_llamas: dict[str, Path], tmp_path: Path) -> Path:
    make(TEXT, three_llamas, tmp_path / "out")
    return tmp_path / "out"


def test_only_the_changed_slice_is_made_again(three_llamas: dict[str, Path], out: Path):
    # The second slice has nine tensors, and the final norm belongs to it.
    assert "10 of 20 tensors have not changed" in make(CHANGED, three_llamas, out)


def test_the_result_is_that_of_a_merge_from_scratch(three_llamas: dict[str, Path], out: Path):
    make(CHANGED, three_llamas, out)
    make(CHANGED, three_llamas, out.with_name("scratch"))
    assert weights(out) == weights(out.with_name("scratch"))


def test_a_changed_input_is_read_again(three_llamas: dict[str, Path], out: Path):
    path = three_llamas["first"] / "model.safetensors"
    save_file({name: tensor * 2 for name, tensor in load_file(path).items()}, path)
    assert "not changed" not in make(TEXT, three_llamas, out)


def test_a_result_that_was_touched_is_not_trusted(three_llamas: dict[str, Path], out: Path):
    os.utime(out / "model.safetensors")
    assert "not changed" not in make(TEXT, three_llamas, out)


def test_without_update_the_earlier_result_stays(three_llamas: dict[str, Path], out: Path):
    before = weights(out)
    with pytest.raises(InputError, match="already there"):
        make(CHANGED, three_llamas, out, update=False)
    assert weights(out) == before


def test_an_update_replaces_nothing_but_an_earlier_result(
    three_llamas: dict[str, Path], tmp_path: Path
):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="already there"):
        make(TEXT, three_llamas, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_failing_update_leaves_the_earlier_result(three_llamas: dict[str, Path], out: Path):
    before = weights(out)
    with pytest.raises(InputError):
        make(TEXT.replace("0.5}", "1e39}") + "parameters: {normalize: false}", three_llamas, out)
    assert weights(out) == before
