import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alloyengine.errors import InputError, Stopped
from alloyengine.merge.backend import Torch
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import Options, run
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


@pytest.mark.parametrize("text", [TASK, LINEAR])
def test_the_block_size_changes_no_bit(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
):
    whole = merged(text, three_llamas, tmp_path / "whole")
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.block", 100)
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.chunk", 1000)
    pieces = merged(text, three_llamas, tmp_path / "pieces")
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)


@pytest.mark.parametrize("text", [TASK, SLERP, LINEAR])
def test_the_number_of_threads_changes_no_bit(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
):
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.block", 100)
    monkeypatch.setattr("alloyengine.merge.backend.Cpu.chunk", 300)
    for threads in (1, 5):
        options = Options(threads=threads)
        run(MergeSpec(recipe=parse(text)), three_llamas, tmp_path / str(threads), Silent(), options)
    one, five = (load_file(tmp_path / n / "model.safetensors") for n in ("1", "5"))
    assert all(torch.equal(one[name], five[name]) for name in one)


def test_torch_gives_what_numpy_gives(
    three_llamas: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """On a machine with a GPU torch works there; here its own CPU stands in for one."""
    expected = merged(SLERP, three_llamas, tmp_path / "numpy")
    monkeypatch.setattr("alloyengine.merge.run.backend", lambda device: Torch("cpu"))
    found = merged(SLERP, three_llamas, tmp_path / "torch")
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-6, atol=1e-7)


def test_a_device_that_is_not_there_is_refused(three_llamas: dict[str, Path], tmp_path: Path):
    options = Options(device="cuda:7")
    with pytest.raises(InputError, match=r"no device 'cuda:7' here.*--device cpu"):
        run(MergeSpec(recipe=parse(TASK)), three_llamas, tmp_path / "out", Silent(), options)


def test_weights_that_are_not_numbers_are_named(three_llamas: dict[str, Path], tmp_path: Path):
    path = three_llamas["first"] / "model.safetensors"
    save_file(load_file(path) | {"model.norm.weight": torch.full((32,), torch.nan)}, path)
    with pytest.raises(InputError, match=r"'model\.norm\.weight' would hold infinite"):
        merged(LINEAR, three_llamas, tmp_path / "out")
    with pytest.raises(InputError, match=r"'model\.norm\.weight' would hold infinite"):
        merged(
            "{merge_method: passthrough, models: [{model: first}]}", three_llamas, tmp_path / "o"
        )


def test_a_head_of_its_own_is_merged_with_a_tied_one(three_llamas: dict[str, Path], tmp_path: Path):
    head = torch.ones(320, 32)
    for name in ("base", "first"):
        untie(three_llamas[name], head)
    found = merged(TASK, three_llamas, tmp_path / "out")
    embedding = load_file(three_llamas["second"] / "model.safetensors")["model.embed_tokens.weight"]
    torch.testing.assert_close(found["lm_head.weight"], head + 0.3 * (embedding - head))


def test_a_tied_head_is_not_written_twice(three_llamas: dict[str, Path], tmp_path: Path):
    path = three_llamas["first"] / "model.safetensors"
    weights = load_file(path)
    save_file(weights | {"lm_head.weight": weights["model.embed_tokens.weight"].clone()}, path)
    assert "lm_head.weight" not in merged(LINEAR, three_llamas, tmp_path / "out")


def untie(folder: Path, head: torch.Tensor) -> None:
    path = folder / "model.safetensors"
    save_file(load_file(path) | {"lm_head.weight": head}, path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))


def test_the_recipe_stands_in_the_model_card(three_llamas: dict[str, Path], tmp_path: Path):
    merged(TASK, three_llamas, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "- base\n- first\n- second\n" in card
    assert parse(card.split("```yaml")[1].split("```")[0]) == parse(TASK)


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
    message = r"'model\.layers\.2\.input_layernorm\.weight' of second has no match: first lacks"
    with pytest.raises(InputError, match=message):
        merged(LINEAR, inputs, tmp_path / "out")
    turned = LINEAR.replace("first", "x").replace("second", "first").replace("x", "second")
    with pytest.raises(InputError, match=message):
        merged(turned, inputs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_models_of_other_width_are_refused_by_shape(three_llamas: dict[str, Path], tmp_path: Path):
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
