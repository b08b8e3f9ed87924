"""What is known of a merge before it is made: its plan, its size, and how its models are related."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from alloyengine.cli.merge import merge
from alloyengine.merge.doctor.kinship import between
from tests.engine.test_merge_command import invoke
from tests.engine.tiny import tiny_llama

RANDOM = np.random.default_rng(0)
BASE = RANDOM.standard_normal(20_000).astype(np.float32)


def tuned(step: float = 0.05) -> np.ndarray:
    return BASE + step * RANDOM.standard_normal(BASE.size).astype(np.float32)


@pytest.mark.parametrize("step", [1e-4, 0.05, 0.3])
def test_the_ancestor_lies_between_its_descendants(step: float):
    found = between({"x": tuned(step), "base": BASE, "y": tuned(step), "z": tuned(step)})
    assert found.ancestor == "base"
    assert not found.strangers()


def test_models_of_a_family_without_their_ancestor_have_none():
    assert between({"x": tuned(), "y": tuned(), "z": tuned()}).ancestor is None


def test_strangers_are_told():
    stranger = RANDOM.standard_normal(BASE.size).astype(np.float32)
    found = between({"base": BASE, "x": tuned(), "other": stranger})
    assert found.strangers() == [("base", "other"), ("x", "other")]
    assert found.ancestor is None


def test_equal_models_are_told():
    assert between({"a": BASE, "b": BASE.copy()}).equals() == [("a", "b")]


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """A base, two models made from it, and one that was not."""
    base = load_file(tiny_llama(tmp_path / "base", 1) / "model.safetensors")
    for seed, name in ((2, "first"), (3, "second")):
        folder = tiny_llama(tmp_path / name, seed)
        torch.manual_seed(seed)
        moved = {key: tensor + 0.01 * torch.randn_like(tensor) for key, tensor in base.items()}
        save_file(moved, folder / "model.safetensors")
    tiny_llama(tmp_path / "stranger", 9)
    return tmp_path


def foreseen(folder: Path, recipe: str) -> str:
    (folder / "recipe.yml").write_text(recipe)
    result = invoke(merge, folder / "recipe.yml", folder / "out", "--dry-run")
    assert result.exit_code == 0, result.exception
    assert not (folder / "out").exists()
    return " ".join(result.output.split())


TASK = """
merge_method: task_arithmetic
base_model: {base}
models:
  - {{model: {one}, parameters: {{weight: 1}}}}
  - {{model: {two}, parameters: {{weight: 1}}}}
"""


def test_a_dry_run_tells_the_plan_and_makes_nothing(family: Path):
    told = foreseen(family, TASK.format(base="base", one="first", two="second"))
    assert "task_arithmetic 20" in told
    assert "ancestor base" in told


def test_a_base_that_is_none_is_told(family: Path):
    told = foreseen(family, TASK.format(base="first", one="base", two="second"))
    assert "look as if made from base, not from first. Use base_model: base" in told


def test_unrelated_models_are_told(family: Path):
    told = foreseen(family, TASK.format(base="base", one="first", two="stranger"))
    assert "base and stranger have no common ancestor" in told


def test_what_the_models_files_tell_is_said_with_its_place(family: Path):
    (family / "second/README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    change(family / "base/config.json", rope_theta=1e4)
    change(family / "second/config.json", rope_theta=5e5)
    told = foreseen(family, TASK.format(base="base", one="first", two="second"))
    assert "Warning: recipe.models.1.model: second" in told
    assert "rope" in told.partition("tensors")[0]
    assert "licence cc-by-nc-4.0 (non-commercial)" in told


def test_a_finding_is_told_before_the_merge_is_refused(family: Path):
    recipe = "merge_method: linear\nmodels: [{model: base}, {model: first}]"
    (family / "recipe.yml").write_text(recipe)
    result = invoke(merge, family / "recipe.yml", family / "out", "--dry-run")
    told = " ".join(result.output.split())
    assert "Error: recipe.models.0.parameters.weight: linear needs weight." in told
    assert "Error: recipe.models.1.parameters.weight: linear needs weight." in told
    assert result.exit_code != 0


def test_models_are_named_as_they_are_written(family: Path):
    (family / "first").rename(family / "[red]first")
    told = foreseen(family, TASK.format(base="base", one="'[red]first'", two="second"))
    assert "The licence of" in told
    assert "[red]first" in told


def change(path: Path, **entries: float) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))
