import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alloyengine.errors import InputError, Stopped
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import run
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec
from tests.engine.tiny import tiny_llama

TASK = """
merge_method: task_arithmetic
base_model: base
models:
  - {model: first, parameters: {weight: 0.7}}
  - {model: second, parameters: {weight: 0.3}}
"""
SLERP = "{merge_method: slerp, base_model: base, models: [{model: first}], parameters: {t: 0.3}}"
LINEAR = """
merge_method: linear
models:
  - {model: first, parameters: {weight: 0.6}}
  - {model: second, parameters: {weight: 0.4}}
"""


def merged(text: str, inputs: dict[str, Path], out: Path) -> dict[str, torch.Tensor]:
    run(MergeSpec(recipe=parse(text)), inputs, out, Silent())
    return load_file(out / "model.safetensors")


def test_task_arithmetic_merges_every_tensor(three_llamas: dict[str, Path], tmp_path: Path):
    found = merged(TASK, three_llamas, tmp_path / "out")
    base, first, second = (load_file(path / "model.safetensors") for path in three_llamas.values())
    for name, tensor in found.items():
        expected = base[name] + 0.7 * (first[name] - base[name]) + 0.3 * (second[name] - base[name])
        torch.testing.assert_close(tensor, expected)


@pytest.mark.parametrize("text", [TASK, SLERP, LINEAR])
def test_the_block_size_changes_no_bit(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
):
    whole = merged(text, three_llamas, tmp_path / "whole")
    monkeypatch.setattr("alloyengine.merge.run._BLOCK", 1000)
    pieces = merged(text, three_llamas, tmp_path / "pieces")
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


def test_the_result_speaks(three_llamas: dict[str, Path], tmp_path: Path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    merged(LINEAR, three_llamas, tmp_path / "out")
    tokens = AutoTokenizer.from_pretrained(tmp_path / "out")("The capital", return_tensors="pt")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert torch.isfinite(model(tokens["input_ids"]).logits).all()


def test_the_output_takes_the_wanted_type(three_llamas: dict[str, Path], tmp_path: Path):
    found = merged(f"{LINEAR}\ndtype: bfloat16", three_llamas, tmp_path / "out")
    assert {tensor.dtype for tensor in found.values()} == {torch.bfloat16}
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["dtype"] == "bfloat16"


def test_facts_of_the_output_are_told(three_llamas: dict[str, Path], tmp_path: Path):
    result = run(MergeSpec(recipe=parse(TASK)), three_llamas, tmp_path / "out", Silent())
    assert (result.facts.architecture, result.facts.layers) == ("LlamaForCausalLM", 2)


def test_models_of_other_depth_are_refused_by_tensor(tmp_path: Path):
    inputs = {
        "first": tiny_llama(tmp_path / "a", 1),
        "second": tiny_llama(tmp_path / "b", 1, layers=3),
    }
    message = r"second has a tensor 'model\.layers\.2\.input_layernorm.* one architecture"
    with pytest.raises(InputError, match=message):
        merged(LINEAR, inputs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_models_of_other_width_are_refused_by_shape(three_llamas: dict[str, Path], tmp_path: Path):
    from safetensors.torch import save_file

    path = three_llamas["second"] / "model.safetensors"
    save_file(load_file(path) | {"model.norm.weight": torch.ones(5)}, path)
    with pytest.raises(InputError, match=r"'model\.norm\.weight' is \[32\] in first but \[5\]"):
        merged(LINEAR, three_llamas, tmp_path / "out")


def test_a_result_that_overflows_is_refused(three_llamas: dict[str, Path], tmp_path: Path):
    text = LINEAR.replace("0.6", "1e6") + "\nparameters: {normalize: false}\ndtype: float16"
    with pytest.raises(InputError, match="infinite or undefined"):
        merged(text, three_llamas, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_stops_when_told_and_leaves_nothing(three_llamas: dict[str, Path], tmp_path: Path):
    class Stop(Silent):
        def stopping(self) -> bool:
            return True

    with pytest.raises(Stopped):
        run(MergeSpec(recipe=parse(TASK)), three_llamas, tmp_path / "out", Stop())
    assert {path.name for path in tmp_path.iterdir()} == {"base", "first", "second"}


def test_progress_ends_at_its_total(three_llamas: dict[str, Path], tmp_path: Path):
    seen = []

    class Watch(Silent):
        def progress(self, phase: str, done: int, total: int) -> None:
            seen.append((done, total))

    run(MergeSpec(recipe=parse(TASK)), three_llamas, tmp_path / "out", Watch())
    assert seen[-1][0] == seen[-1][1]
    assert seen == sorted(seen)
