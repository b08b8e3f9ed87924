"""Sixty architectures through whole merges: no table of names, and transformers loads the result."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from alloyengine.merge.recipe import parse
from alloyengine.merge.run import run
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec
from tests.engine.test_checkpoint_structure_rebuild import load
from tests.engine.zoo import DECODERS, ZOO, specimen

LINEAR = """
merge_method: linear
models: [{model: a, parameters: {weight: 1}}, {model: b, parameters: {weight: 3}}]
"""
STACK = """
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 3]}]
  - sources: [{model: b, layer_range: [1, 3]}]
"""


def other(name: str, folder: Path) -> Path:
    """A model of the same shapes, every weight moved."""
    path = specimen(name).path
    folder.mkdir()
    for file in path.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    moved = {key: tensor + 1 for key, tensor in load_file(path / "model.safetensors").items()}
    save_file(moved, folder / "model.safetensors", {"format": "pt"})
    return folder


def merged(name: str, text: str, tmp_path: Path) -> Path:
    inputs = {"a": specimen(name).path, "b": other(name, tmp_path / "b")}
    run(MergeSpec(recipe=parse(text)), inputs, tmp_path / "out", Silent())
    return tmp_path / "out"


@pytest.mark.parametrize("name", sorted(ZOO))
def test_models_of_every_architecture_are_merged(name: str, tmp_path: Path):
    out = merged(name, LINEAR, tmp_path)
    before, found = (load_file(p / "model.safetensors") for p in (specimen(name).path, out))
    spare = {key for key in before if specimen(name).structure.is_spare(key)}
    assert found.keys() == before.keys() - spare
    for key, tensor in found.items():
        expected = before[key] + 0.75 if tensor.is_floating_point() else before[key]
        torch.testing.assert_close(tensor, expected)
    assert load(specimen(name), out) == {}


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_decoders_of_every_architecture_are_stacked(name: str, tmp_path: Path):
    assert load(specimen(name), merged(name, STACK, tmp_path)) == {}
