"""What was computed before is not computed again, and nothing else passes for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from alloyengine.evaluate import subject
from alloyengine.evaluate.kept import Kept, remembered
from alloyengine.evaluate.run import Options, run
from alloyengine.report import Silent
from alloyengine.spec.evaluate import EvaluateSpec
from tests.engine.tiny import tiny_llama

SETS = [{"dataset": "d", "max_new_tokens": 3}]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def inputs(llama: Path, tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "d.jsonl").write_text('{"prompt": "Gold?", "completion": "Au"}\n' * 2)
    return {"m": llama, "d": tmp_path / "d.jsonl"}


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every loading of a model."""
    seen: list[Path] = []
    load = subject.load
    monkeypatch.setattr(subject, "load", lambda path: seen.append(path) or load(path))
    return seen


def evaluate(inputs: dict[str, Path], out: Path, keep: bool = True, **changes: Any) -> Any:
    spec = EvaluateSpec.model_validate({"models": ["m"], "test_sets": SETS, **changes})
    return run(spec, inputs, out, Silent(), Options(keep=keep))


def test_the_second_time_no_model_is_loaded(inputs, loads, tmp_path: Path):
    first = evaluate(inputs, tmp_path / "first")
    second = evaluate(inputs, tmp_path / "second")
    assert first == second and len(loads) == 1
    written = [(tmp_path / out / "examples-0-0.jsonl").read_text() for out in ("first", "second")]
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"test_sets": [{"dataset": "d", "max_new_tokens": 4}]},
        {"test_sets": [{"dataset": "d", "max_new_tokens": 3, "limit": 1}]},
    ],
)
def test_another_question_is_asked(inputs, loads, changes, tmp_path: Path):
    evaluate(inputs, tmp_path)
    evaluate(inputs, tmp_path, **changes)
    assert len(loads) == 2


def test_another_metric_looks_at_the_same_answers(inputs, loads, tmp_path: Path):
    evaluate(inputs, tmp_path)
    [score] = evaluate(inputs, tmp_path, test_sets=[SETS[0] | {"metric": "contains"}]).scores
    assert score.metric == "contains" and len(loads) == 1


def test_other_rows_are_asked(inputs, loads, tmp_path: Path):
    evaluate(inputs, tmp_path)
    inputs["d"].write_text('{"prompt": "Tin?", "completion": "Sn"}\n' * 2)
    evaluate(inputs, tmp_path)
    assert len(loads) == 2


@pytest.mark.parametrize("what", ["weights", "tokenizer_config.json", "generation_config.json"])
def test_another_model_is_asked(inputs, loads, what: str, tmp_path: Path):
    evaluate(inputs, tmp_path)
    if what == "weights":
        inputs["m"] = tiny_llama(tmp_path / "other", seed=2)
    elif what == "generation_config.json":
        (inputs["m"] / what).write_text('{"eos_token_id": 2}')
    else:
        config = json.loads((inputs["m"] / what).read_text())
        (inputs["m"] / what).write_text(json.dumps(config | {"model_max_length": 500}))
    evaluate(inputs, tmp_path)
    assert len(loads) == 2


def test_the_batch_size_and_the_folder_do_not_matter(inputs, loads, tmp_path: Path):
    evaluate(inputs, tmp_path)
    inputs["m"] = inputs["m"].rename(tmp_path / "elsewhere")
    evaluate(inputs, tmp_path, batch_size=1)
    assert len(loads) == 1


def test_nothing_is_kept_unless_it_is_wanted(inputs, cache: Path, tmp_path: Path):
    evaluate(inputs, tmp_path, keep=False)
    assert not cache.exists()


def test_a_file_that_was_cut_off_is_computed_anew(inputs, cache: Path, loads, tmp_path: Path):
    evaluate(inputs, tmp_path)
    [file] = (cache / "alloyworks/scores").iterdir()
    file.write_text(file.read_text()[:10])
    evaluate(inputs, tmp_path)
    assert len(loads) == 2


def test_results_are_kept_as_json_has_them(llama: Path):
    kept = Kept(llama, on=True)
    assert kept.result({"a": 1}, lambda: {"x": [1, None]}) == ({"x": [1, None]}, False)
    assert kept.result({"a": 1}, dict) == ({"x": [1, None]}, True)


def test_a_judge_is_not_asked_twice_and_none_speaks_for_another():
    asked: list[str] = []

    def ask(model: str, messages: Any, timeout: float) -> str:
        asked.append(model)
        return f"{model} says A"

    messages = [{"role": "user", "content": "?"}]
    for where, model in (("x", "j"), ("x", "j"), ("y", "j"), ("x", "k")):
        assert remembered(ask, where)(model, messages, 1.0) == f"{model} says A"
    assert asked == ["j", "j", "k"]
