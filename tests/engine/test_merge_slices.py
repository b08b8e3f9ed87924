"""Layers of several models stacked into one: frankenmerges, from whole models down to rows."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alloyengine.errors import InputError
from alloyengine.merge.recipe import parse, parse_stages
from alloyengine.merge.run import run
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec

STACK = """
merge_method: passthrough
slices:
  - sources: [{model: first, layer_range: [0, 2]}]
  - sources: [{model: second, layer_range: [1, 2], parameters: {scale: [{filter: o_proj, value: 0}]}}]
"""


def merged(text: str, inputs: dict[str, Path], out: Path) -> dict[str, torch.Tensor]:
    stages, recipe = parse_stages(text)
    run(MergeSpec(recipe=recipe, stages=stages), inputs, out, Silent())
    return load_file(out / "model.safetensors")


def test_slices_are_stacked_in_order(three_llamas: dict[str, Path], tmp_path: Path):
    found = merged(STACK, three_llamas, tmp_path / "out")
    first, second = (load_file(three_llamas[n] / "model.safetensors") for n in ("first", "second"))
    up = "model.layers.{}.mlp.up_proj.weight"
    assert torch.equal(found[up.format(1)], first[up.format(1)])
    assert torch.equal(found[up.format(2)], second[up.format(1)])
    assert json.loads((tmp_path / "out/config.json").read_text())["num_hidden_layers"] == 3


def test_a_filter_scales_only_what_it_names(three_llamas: dict[str, Path], tmp_path: Path):
    found = merged(STACK, three_llamas, tmp_path / "out")
    assert not found["model.layers.2.self_attn.o_proj.weight"].any()
    assert found["model.layers.2.self_attn.q_proj.weight"].any()


def test_embeddings_come_from_the_first_slice_and_the_norm_from_the_last(
    three_llamas: dict[str, Path], tmp_path: Path
):
    found = merged(STACK, three_llamas, tmp_path / "out")
    first = load_file(three_llamas["first"] / "model.safetensors")
    second = load_file(three_llamas["second"] / "model.safetensors")
    assert torch.equal(found["model.embed_tokens.weight"], first["model.embed_tokens.weight"])
    assert torch.equal(found["model.norm.weight"], second["model.norm.weight"])


def test_a_stacked_model_speaks(three_llamas: dict[str, Path], tmp_path: Path):
    from transformers import AutoModelForCausalLM

    merged(STACK, three_llamas, tmp_path / "out")
    model, told = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert torch.isfinite(model(torch.tensor([[1, 2, 3]])).logits).all()


def test_slices_blend_layers_of_different_depth(three_llamas: dict[str, Path], tmp_path: Path):
    text = """
merge_method: linear
slices:
  - sources:
      - {model: first, layer_range: [0, 1], parameters: {weight: 1}}
      - {model: second, layer_range: [1, 2], parameters: {weight: 3}}
"""
    found = merged(text, three_llamas, tmp_path / "out")
    first, second = (load_file(three_llamas[n] / "model.safetensors") for n in ("first", "second"))
    name = "model.layers.{}.mlp.down_proj.weight"
    expected = (first[name.format(0)] + 3 * second[name.format(1)]) / 4
    torch.testing.assert_close(found[name.format(0)], expected)


def test_the_base_of_a_slice_that_does_not_list_it_has_the_same_layers(
    three_llamas: dict[str, Path], tmp_path: Path
):
    text = """
merge_method: task_arithmetic
base_model: base
slices:
  - sources: [{model: first, layer_range: [1, 2], parameters: {weight: 1}}]
"""
    found = merged(text, three_llamas, tmp_path / "out")
    first = load_file(three_llamas["first"] / "model.safetensors")
    name = "model.layers.{}.mlp.down_proj.weight"
    torch.testing.assert_close(found[name.format(0)], first[name.format(1)])


def test_layers_that_a_model_lacks_are_named(three_llamas: dict[str, Path], tmp_path: Path):
    message = r"slices\.1\.sources\.0\.layer_range: second has 2 layers, not 9"
    with pytest.raises(InputError, match=message):
        merged(STACK.replace("[1, 2]", "[1, 9]"), three_llamas, tmp_path / "out")


def test_stages_are_merged_one_after_the_other(three_llamas: dict[str, Path], tmp_path: Path):
    text = """
name: middle
merge_method: linear
models: [{model: first, parameters: {weight: 1}}, {model: second, parameters: {weight: 1}}]
---
merge_method: linear
models: [{model: middle, parameters: {weight: 1}}, {model: base, parameters: {weight: 1}}]
"""
    found = merged(text, three_llamas, tmp_path / "out")
    base, first, second = (load_file(p / "model.safetensors") for p in three_llamas.values())
    name = "model.layers.0.mlp.down_proj.weight"
    torch.testing.assert_close(found[name], (first[name] + second[name]) / 4 + base[name] / 2)
    assert not (tmp_path / "out.stages").exists()


def test_modules_that_the_model_lacks_are_named(three_llamas: dict[str, Path], tmp_path: Path):
    text = "{merge_method: linear, modules: {vision: {models: [{model: first, parameters: {weight: 1}}]}}}"
    with pytest.raises(InputError, match=r"modules\.vision: first has no such module"):
        run(MergeSpec(recipe=parse(text)), three_llamas, tmp_path / "out", Silent())
