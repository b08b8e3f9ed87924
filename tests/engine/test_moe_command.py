from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from alloyengine.checkpoint import facts
from alloyengine.cli.moe import moe
from alloyengine.errors import InputError
from tests.engine.upcycling import recipe


def invoke(*words: object):
    app = typer.Typer()
    app.command()(moe)
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def written(three_llamas: dict[str, Path], tmp_path: Path) -> Path:
    file = tmp_path / "recipe.yml"
    file.write_text(yaml.safe_dump(recipe("first", "second")))
    return file


def test_models_are_found_beside_the_recipe(written: Path, tmp_path: Path):
    result = invoke(written, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert facts(tmp_path / "out").architecture == "MixtralForCausalLM"


def test_balance_is_measured_by_a_text(written: Path, tmp_path: Path):
    (tmp_path / "words.txt").write_text("The capital of France is Paris.")
    assert invoke(written, tmp_path / "out", "--text", tmp_path / "words.txt").exit_code == 0
    assert "share of the answers" in (tmp_path / "out" / "README.md").read_text()


def test_a_text_that_is_not_there_is_named(written: Path, tmp_path: Path):
    result = invoke(written, tmp_path / "out", "--text", tmp_path / "nowhere.txt")
    assert isinstance(result.exception, InputError)
    assert "nowhere.txt can't be read" in str(result.exception)


def test_another_seed_makes_other_routers(three_llamas: dict[str, Path], tmp_path: Path):
    file = tmp_path / "recipe.yml"
    file.write_text(yaml.safe_dump(recipe("first", "second", gate_mode="random")))
    for seed in (1, 2):
        assert invoke(file, tmp_path / str(seed), "--seed", seed).exit_code == 0
    one, two = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("1", "2"))
    assert one != two
