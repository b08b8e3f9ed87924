import json
import math
from pathlib import Path

import pytest
import torch

from alloyengine.errors import InputError, Stopped
from alloyengine.evaluate.answers import Answerer
from alloyengine.evaluate.run import run
from alloyengine.report import Silent
from alloyengine.spec.evaluate import EvaluateSpec
from tests.engine.tiny import tiny_llama

CHATS = [
    {"prompt": f"What is the symbol of {name}?", "completion": symbol}
    for name, symbol in [("gold", "Au"), ("tin", "Sn"), ("iron", "Fe"), ("a heavy metal", "Pb")]
]
TEXTS = [{"text": "The capital of France is Paris."}, {"text": "Gold " * 400}]


class Listener(Silent):
    """Keeps what it is warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def log(self, message: str, level: str = "info") -> None:
        if level == "warning":
            self.warnings.append(message)


def dataset(folder: Path, rows: list[dict[str, str]]) -> Path:
    folder.mkdir()
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def inputs(llama: Path, tmp_path: Path) -> dict[str, Path]:
    chats, texts = dataset(tmp_path / "chats", CHATS), dataset(tmp_path / "texts", TEXTS)
    return {"m": llama, "chats": chats, "texts": texts}


def evaluate(inputs: dict[str, Path], out: Path, sets: list[dict[str, object]], **more: object):
    spec = EvaluateSpec.model_validate({"models": ["m"], "test_sets": sets, **more})
    return run(spec, inputs, out, Silent()).scores


def test_every_model_is_scored_on_every_set(inputs: dict[str, Path], tmp_path: Path):
    sets = [{"dataset": "chats"}, {"dataset": "texts", "metric": "perplexity"}]
    found = evaluate(inputs, tmp_path / "out", sets, models=["m", "m"])
    assert [(score.dataset, score.examples) for score in found] == [("chats", 4), ("texts", 2)] * 2
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"examples-{model}-{test}.jsonl" for model in (0, 1) for test in (0, 1)}


def test_each_answer_is_kept_in_the_sets_order(inputs: dict[str, Path], tmp_path: Path):
    evaluate(inputs, tmp_path, [{"dataset": "chats", "max_new_tokens": 4}])
    rows = [json.loads(line) for line in (tmp_path / "examples-0-0.jsonl").open()]
    assert [row["expected"] for row in rows] == ["Au", "Sn", "Fe", "Pb"]
    assert rows[0]["prompt"] == [{"role": "user", "content": CHATS[0]["prompt"]}]
    assert {"answer", "correct"} <= rows[0].keys()


@pytest.mark.parametrize("size", [1, 3, 32])
@pytest.mark.parametrize("dataset", ["chats", "texts"])
def test_perplexity_is_that_of_transformers(
    inputs: dict[str, Path], tmp_path: Path, size: int, dataset: str
):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from alloyengine.evaluate.perplexity import _windows
    from alloyengine.train.data import read_rows
    from alloyengine.train.encode import encode_row

    model = AutoModelForCausalLM.from_pretrained(inputs["m"])
    tokenizer = AutoTokenizer.from_pretrained(inputs["m"])
    loss = count = 0
    for row in read_rows(inputs[dataset] / "test.jsonl"):
        for window in _windows(encode_row(row, tokenizer), 512):
            targets = torch.tensor([window.targets])
            scored = int((targets[:, 1:] != -100).sum())
            mean = model(torch.tensor([window.tokens]), labels=targets).loss
            loss, count = loss + mean.item() * scored, count + scored
    sets = [{"dataset": dataset, "metric": "perplexity"}]
    [score] = evaluate(inputs, tmp_path, sets, batch_size=size)
    assert score.value == pytest.approx(math.exp(loss / count), rel=1e-4)


def test_models_are_compared_with_the_first(inputs: dict[str, Path], tmp_path: Path):
    inputs["n"] = tiny_llama(tmp_path / "other", seed=2)
    sets = [{"dataset": "chats"}, {"dataset": "texts", "metric": "perplexity"}]
    spec = {"models": ["m", "n"], "test_sets": sets}
    found = run(EvaluateSpec.model_validate(spec), inputs, tmp_path / "out", Silent()).comparisons
    assert [(each.model, each.baseline, each.asked) for each in found] == [
        ("n", "m", "chats"),
        ("n", "m", "texts"),
    ]
    assert found[1].low <= found[1].difference <= found[1].high
    assert found[1].examples == 2 and found[1].verdict == "unclear"  # two texts prove nothing


def test_a_model_is_the_same_as_itself(inputs: dict[str, Path], tmp_path: Path):
    spec = {"models": ["m", "m"], "test_sets": [{"dataset": "texts", "metric": "perplexity"}]}
    [found] = run(EvaluateSpec.model_validate(spec), inputs, tmp_path, Silent()).comparisons
    assert (found.difference, found.p, found.verdict) == (0, 1, "same")


def test_a_regression_is_said_aloud(inputs: dict[str, Path], tmp_path: Path):
    rows = [{"text": f"The capital number {n} is a town of {n * 7} people."} for n in range(12)]
    inputs["many"] = dataset(tmp_path / "many", rows)
    inputs["worse"] = tiny_llama(tmp_path / "worse", seed=3)
    report = Listener()
    for first, second in (("m", "worse"), ("worse", "m")):
        spec = {
            "models": [first, second],
            "test_sets": [{"dataset": "many", "metric": "perplexity"}],
        }
        [found] = run(
            EvaluateSpec.model_validate(spec), inputs, tmp_path / first, report
        ).comparisons
        assert (found.verdict == "worse") == (found.difference > 0)
    assert sum("is worse than" in line for line in report.warnings) == 1


def test_a_model_that_says_nothing_is_told_of(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Answerer, "_forward", lambda self, input_ids, **_: [2] * len(input_ids))
    report = Listener()
    spec = EvaluateSpec.model_validate({"models": ["m"], "test_sets": [{"dataset": "chats"}]})
    [score] = run(spec, inputs, tmp_path, report).scores
    assert score.value == 0
    assert report.warnings == ["m answers nothing to chats."]


def test_a_limit_asks_the_first_examples_only(inputs: dict[str, Path], tmp_path: Path):
    [score] = evaluate(inputs, tmp_path, [{"dataset": "chats", "limit": 2}])
    assert score.examples == 2


def test_plain_text_has_no_answers_to_match(inputs: dict[str, Path], tmp_path: Path):
    with pytest.raises(InputError, match=r"needs questions with answers.*Score it by perplexity"):
        evaluate(inputs, tmp_path, [{"dataset": "texts"}])


def test_an_empty_test_set_is_refused(inputs: dict[str, Path], tmp_path: Path):
    inputs["chats"] = dataset(tmp_path / "empty", [])
    with pytest.raises(InputError, match="'chats' has no rows"):
        evaluate(inputs, tmp_path, [{"dataset": "chats"}])


def test_a_conversation_without_an_answer_is_refused(inputs: dict[str, Path], tmp_path: Path):
    rows = [{"messages": [{"role": "user", "content": "Hi"}]}]
    inputs["chats"] = dataset(tmp_path / "silent", rows)
    with pytest.raises(InputError, match="no assistant's message"):
        evaluate(inputs, tmp_path, [{"dataset": "chats"}])


def test_a_model_of_an_unknown_kind_is_refused(inputs: dict[str, Path], tmp_path: Path):
    (inputs["m"] / "config.json").write_text('{"model_type": "unheard_of"}')
    with pytest.raises(InputError, match=r"unheard_of can't be loaded"):
        evaluate(inputs, tmp_path, [{"dataset": "chats"}])


def test_it_stops_when_told(inputs: dict[str, Path], tmp_path: Path):
    class Stop(Silent):
        def stopping(self) -> bool:
            return True

    spec = EvaluateSpec.model_validate({"models": ["m"], "test_sets": [{"dataset": "chats"}]})
    with pytest.raises(Stopped):
        run(spec, inputs, tmp_path / "out", Stop())


def test_progress_counts_every_example(inputs: dict[str, Path], tmp_path: Path):
    seen = []

    class Watch(Silent):
        def progress(self, phase: str, done: int, total: int) -> None:
            seen.append((done, total))

    sets = [{"dataset": "chats"}, {"dataset": "texts", "metric": "perplexity"}]
    spec = EvaluateSpec.model_validate({"models": ["m"], "test_sets": sets, "batch_size": 3})
    run(spec, inputs, tmp_path / "out", Watch())
    assert seen[-1] == (6, 6)
    assert seen == sorted(seen)
