"""`alloy evaluate` of a model on tasks, and what it says of options that do not go together."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from alloyengine.cli.evaluate import evaluate
from alloyengine.errors import InputError
from tests.engine.harness_tasks import (
    CHOICE,
    documents_elsewhere,  # noqa: F401  # a fixture for all of these tests
    written,
)
from tests.engine.tiny import tiny_llama


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def invoke(*words: object) -> Result:
    app = typer.Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_model_is_scored_on_a_task_file(llama: Path, tmp_path: Path):
    file, out = written(tmp_path, CHOICE), tmp_path / "out"
    done = invoke(llama, out, "--tasks", file, "--limit", 4, "--num-fewshot", 1)
    assert done.exit_code == 0, done.exception
    scores = json.loads((out / "scores.json").read_text())["tasks"]
    assert [(score["metric"], score["examples"]) for score in scores] == [
        ("acc", 4),
        ("acc_norm", 4),
    ]
    assert "metals" in done.stderr and "acc_norm ↑" in done.stderr


def test_models_are_compared_in_a_table(llama: Path, tmp_path: Path):
    tiny_llama(tmp_path / "other", seed=2)
    rows = [{"text": f"The capital number {n} is a town."} for n in range(3)]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {
        "models": ["llama", "other"],
        "test_sets": [{"dataset": "test.jsonl", "metric": "perplexity"}],
    }
    (tmp_path / "spec.yml").write_text(json.dumps(spec))
    done = invoke(tmp_path / "spec.yml", tmp_path / "out")
    assert done.exit_code == 0, done.exception
    assert "compared with llama" in done.stderr and "unclear" in done.stderr


@pytest.mark.parametrize("words", [(), ("--limit", 3), ("--chat-template",)])
def test_a_model_needs_tasks(llama: Path, words: tuple[Any, ...]):
    done = invoke(llama, *words)
    assert isinstance(done.exception, InputError)
    assert "--tasks is missing" in str(done.exception)


def test_a_task_that_can_not_be_named_is_refused(llama: Path, tmp_path: Path):
    done = invoke(llama, tmp_path / "out", "--tasks", "what is this?")
    assert isinstance(done.exception, InputError)
    assert "--tasks what is this?" in str(done.exception)


def test_a_judge_has_an_address_that_can_be_used(llama: Path, tmp_path: Path):
    (tmp_path / "spec.yml").write_text("{models: [llama], test_sets: [{dataset: d}]}")
    done = invoke(tmp_path / "spec.yml", tmp_path / "out", "--judge-url", "ftp://host")
    assert isinstance(done.exception, InputError)
    assert "judge's address can't be used" in str(done.exception)
