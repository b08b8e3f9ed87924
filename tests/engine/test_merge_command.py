import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from alloyengine.checkpoint import facts
from alloyengine.cli.evaluate import evaluate
from alloyengine.cli.merge import merge
from alloyengine.errors import InputError

RECIPE = """
merge_method: linear
models:
  - {model: first, parameters: {weight: 0.5}}
  - {model: second, parameters: {weight: 0.5}}
"""


def invoke(command, *words: object):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_models_are_found_beside_the_recipe(three_llamas: dict[str, Path], tmp_path: Path):
    (tmp_path / "recipe.yml").write_text(RECIPE)
    result = invoke(merge, tmp_path / "recipe.yml", tmp_path / "out")
    assert result.exit_code == 0
    assert facts(tmp_path / "out").layers == 2


def test_a_missing_recipe_is_named(tmp_path: Path):
    result = invoke(merge, tmp_path / "nowhere.yml", tmp_path / "out")
    assert isinstance(result.exception, InputError)
    assert "nowhere.yml can't be read" in str(result.exception)


@pytest.mark.parametrize("metric", ["exact_match", "perplexity"])
def test_an_evaluation_writes_every_answer(
    llama: Path, tmp_path: Path, metric: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "test.jsonl").write_text('{"prompt": "Gold?", "completion": "Au"}\n')
    test_set = f"{{dataset: test.jsonl, metric: {metric}}}"
    (tmp_path / "spec.yml").write_text(f"{{models: [llama], test_sets: [{test_set}]}}")
    result = invoke(evaluate, tmp_path / "spec.yml", tmp_path / "out")
    assert result.exit_code == 0
    assert (tmp_path / "out" / "examples-0-0.jsonl").is_file()
    [score] = json.loads((tmp_path / "out" / "scores.json").read_text())["scores"]
    assert (score["metric"], score["examples"]) == (metric, 1)
