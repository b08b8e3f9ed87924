"""`alloy evolve`."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from alloyengine.cli.evolve import evolve, read_search
from alloyengine.errors import InputError
from alloyengine.report import Silent

OURS = """
recipe:
  merge_method: linear
  models:
    - model: first
      parameters: {weight: {low: 0, high: 1}}
    - model: second
      parameters: {weight: 0.5}
tasks:
  - {dataset: d, metric: perplexity}
budget: {evaluations: 8}
"""
PEERS = """
genome:
  models: [first, second]
  merge_method: linear
  layer_granularity: 1
tasks:
  - name: d
    metric: perplexity
"""


def written(folder: Path, text: str) -> Path:
    (folder / "search.yml").write_text(text)
    return folder / "search.yml"


@pytest.fixture
def beside(three_llamas: dict[str, Path], tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    rows = [{"prompt": f"Symbol of {n}?", "completion": str(n)} for n in range(10)]
    (tmp_path / "d/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_a_search_is_run_from_a_file(beside: Path):
    app = typer.Typer()
    app.command()(evolve)
    done = CliRunner().invoke(app, [str(written(beside, OURS)), str(beside / "out")])
    assert done.exit_code == 0, done.output
    assert (beside / "out/model.safetensors").is_file()
    assert (beside / "out.candidates/candidates.jsonl").is_file()
    assert "result" in done.output and "perplexity" in done.output


def test_the_peers_file_is_a_search_too(beside: Path):
    """Two groups of one layer, two models."""
    spec = read_search(written(beside, PEERS), Silent())
    assert len(spec.search) == 4
    assert len(spec.recipe.slices) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OURS.replace("budget", "budgte"), r"budgte: .*did you mean 'budget'\?"),
        (OURS.replace("evaluations: 8", "evaluations: 0"), "greater than or equal to 1"),
        (OURS.replace("{low: 0, high: 1}", "0.5"), "search: there is no range.*low: 0, high: 1"),
        (OURS.replace("high: 1", "high: 0"), "the range 0 to 0 is empty"),
        (PEERS.replace("merge_method", "merge_methd"), "did you mean 'merge_method'"),
        ("genome: 3\ntasks: [d]", "genome"),
        ("[", "is not YAML"),
    ],
)
def test_a_wrong_search_says_what_to_change(tmp_path: Path, text: str, words: str):
    with pytest.raises(InputError, match=words):
        read_search(written(tmp_path, text), Silent())
