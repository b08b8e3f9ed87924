"""A merge that is cut off, by whatever means, leaves no half model, and can be started again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ELEMENTS, TENSORS = 1 << 24, 12
RECIPE = """
merge_method: ties
base_model: a
models:
  - {model: b, parameters: {weight: 0.5, density: 0.5}}
  - {model: c, parameters: {weight: 0.5, density: 0.5}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Three models of 800 MB, all zeros, that take no room on the disk."""
    names = [f"model.layers.{number}.mlp.up_proj.weight" for number in range(TENSORS)]
    size = ELEMENTS * 4
    header = {
        name: {"dtype": "F32", "shape": [4096, ELEMENTS // 4096], "data_offsets": [at, at + size]}
        for name, at in zip(names, range(0, size * TENSORS, size), strict=True)
    }
    text = json.dumps(header).encode()
    for model in "abc":
        folder = tmp_path / model
        folder.mkdir()
        (folder / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": 12}')
        with (folder / "model.safetensors").open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + size * TENSORS)
    (tmp_path / "recipe.yml").write_text(RECIPE)
    return tmp_path / "recipe.yml"


def start(recipe: Path) -> subprocess.Popen[bytes]:
    code = "from alloyengine.cli.main import main; main()"
    words = [sys.executable, "-c", code, "merge", str(recipe), str(recipe.parent / "out")]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL)


def under_way(recipe: Path) -> subprocess.Popen[bytes]:
    process, partial = start(recipe), recipe.parent / "out.partial"
    while not partial.exists():
        assert process.poll() is None
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_merge_leaves_no_model(recipe: Path, how: signal.Signals):
    process = under_way(recipe)
    os.kill(process.pid, how)
    assert process.wait(20) != 0
    assert not (recipe.parent / "out").exists()


def test_control_c_leaves_nothing_at_all(recipe: Path):
    process = under_way(recipe)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    assert {path.name for path in recipe.parent.iterdir()} == {"a", "b", "c", "recipe.yml"}


def test_after_a_kill_it_can_be_started_again(recipe: Path):
    process = under_way(recipe)
    process.kill()
    process.wait(20)
    assert start(recipe).wait(60) == 0
    assert not (recipe.parent / "out.partial").exists()
    assert (recipe.parent / "out/model.safetensors").stat().st_size > ELEMENTS * 4 * TENSORS
