"""Mixtures of agents, evaluated beside the models that they are made of."""

import json
from pathlib import Path
from typing import Any

import pytest

from alloyengine.errors import Stopped
from alloyengine.evaluate import subject
from alloyengine.evaluate.run import Options, run
from alloyengine.report import Silent
from alloyengine.spec.evaluate import EvaluateSpec
from alloyengine.spec.result import EvaluateResult
from tests.engine.test_evaluate_run import CHATS, TEXTS, dataset
from tests.engine.tiny import tiny_llama

SETS = [
    {"dataset": "chats", "max_new_tokens": 4},
    {"dataset": "texts", "metric": "perplexity"},
]
MIXTURE = {"name": "both", "layers": [["m", "n"]], "aggregator": "n"}


@pytest.fixture
def inputs(llama: Path, tmp_path: Path) -> dict[str, Path]:
    sets = {"chats": CHATS, "texts": TEXTS}
    datasets = {name: dataset(tmp_path / name, rows) for name, rows in sets.items()}
    return {"m": llama, "n": tiny_llama(tmp_path / "n", seed=2), **datasets}


def evaluate(
    inputs: dict[str, Path],
    out: Path,
    keep: bool = False,
    report: Silent | None = None,
    **more: Any,
) -> EvaluateResult:
    asked = {"models": ["m", "n"], "test_sets": SETS, "mixtures": [MIXTURE], **more}
    spec = EvaluateSpec.model_validate(asked)
    return run(spec, inputs, out, report or Silent(), Options(keep=keep))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open()]


def test_it_is_scored_where_answers_are_looked_at(inputs: dict[str, Path], tmp_path: Path):
    found = evaluate(inputs, tmp_path / "out")
    assert [(score.model, score.dataset) for score in found.scores] == [
        ("m", "chats"),
        ("m", "texts"),
        ("n", "chats"),
        ("n", "texts"),
        ("both", "chats"),
    ]
    assert {each.asked for each in found.comparisons if each.model == "both"} == {"chats"}
    rows = rows_of(tmp_path / "out" / "examples-2-0.jsonl")
    # What was asked is told as the user asked it.
    assert [row["prompt"] for row in rows] == [
        row["prompt"] for row in rows_of(tmp_path / "out" / "examples-0-0.jsonl")
    ]
    assert not (tmp_path / "out" / "examples-2-1.jsonl").exists()


def test_the_aggregator_answers_with_the_others_answers_in_view(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    heard: list[tuple[str, str]] = []
    answers = subject.Subject.answers

    def spied(self: Any, asked: Any, *rest: Any) -> Any:
        found = answers(self, asked, *rest)
        heard.append((asked[0][-1]["content"], found.said[0].text.strip()))
        return found

    monkeypatch.setattr(subject.Subject, "answers", spied)
    evaluate(inputs, tmp_path)
    first, second, last = heard[-3:]
    assert first[0] == second[0] == CHATS[0]["prompt"]
    assert first[1] and second[1]
    assert f"1. {first[1]}\n2. {second[1]}" in last[0]
    assert rows_of(tmp_path / "examples-2-0.jsonl")[0]["answer"].strip() == last[1]


def test_its_cost_is_that_of_all_its_agents(inputs: dict[str, Path], tmp_path: Path):
    found = evaluate(inputs, tmp_path)
    costs = {score.model: score.cost for score in found.scores if score.dataset == "chats"}
    m, n, both = (costs[name] for name in ("m", "n", "both"))
    assert m and n and both and m.read and n.read and both.read
    assert m.memory == n.memory > 0
    assert both.memory == m.memory + n.memory  # n is asked twice, and there once
    assert both.read > m.read + 2 * n.read  # the aggregator reads the others' answers, too
    assert both.seconds > 0
    rows = rows_of(tmp_path / "examples-2-0.jsonl")
    assert both.read == sum(row["read"] for row in rows)
    assert both.written == sum(row["written"] for row in rows)


def test_likelihoods_have_no_tokens_but_a_time(inputs: dict[str, Path], tmp_path: Path):
    [cost] = [s.cost for s in evaluate(inputs, tmp_path).scores if s.dataset == "texts"][:1]
    assert cost and cost.seconds > 0 and (cost.read, cost.written) == (None, None)


def test_what_its_models_answered_before_is_not_asked_again(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    loaded: list[Path] = []
    load = subject.load
    monkeypatch.setattr(subject, "load", lambda path: loaded.append(path) or load(path))
    first = evaluate(inputs, tmp_path / "first", keep=True)
    # Both models, and n once more with the answers in view: proposals are known by then.
    assert loaded == [inputs["m"], inputs["n"], inputs["n"]]
    assert evaluate(inputs, tmp_path / "second", keep=True) == first
    assert len(loaded) == 3


def test_progress_counts_what_every_agent_reads(inputs: dict[str, Path], tmp_path: Path):
    seen = []

    class Watch(Silent):
        def progress(self, phase: str, done: int, total: int) -> None:
            seen.append((done, total))

    evaluate(inputs, tmp_path, report=Watch())
    assert seen[-1] == (2 * 6 + 3 * 4, 2 * 6 + 3 * 4)
    assert seen == sorted(seen)


def test_it_stops_between_two_agents(inputs: dict[str, Path], tmp_path: Path):
    class Stop(Silent):
        done = 0

        def stopping(self) -> bool:
            return self.done > 13

        def progress(self, phase: str, done: int, total: int) -> None:
            self.done = done

    with pytest.raises(Stopped):
        evaluate(inputs, tmp_path, batch_size=1, report=Stop())
    assert rows_of(tmp_path / "examples-1-0.jsonl")  # what the models said stays
