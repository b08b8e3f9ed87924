"""Tasks of lm-evaluation-harness give the numbers that its own runner gives."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alloyengine.errors import InputError, Stopped
from alloyengine.evaluate.harness.task import Outcome, run_task
from alloyengine.evaluate.models import Loaded, load
from alloyengine.evaluate.run import run
from alloyengine.report import Silent
from alloyengine.spec.evaluate import EvaluateSpec, Task
from tests.engine.harness_tasks import (
    CHOICE,
    DOCS,
    GENERATE,
    LIKELIHOOD,
    NAMES,
    ROLLING,
    documents_elsewhere,  # noqa: F401  # a fixture for all of these tests
    written,
)


@pytest.fixture
def loaded(llama: Path) -> Loaded:
    return load(llama)


def ours(loaded: Loaded, file: Path, size: int = 3, **how: Any) -> Outcome:
    return run_task(loaded, Task(file="t", **how), {"t": file}, size)


def theirs(loaded: Loaded, file: Path, **how: Any) -> dict[str, Any]:
    """The same task by the harness' own model class and its own command's function."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    config = yaml.safe_load(file.read_text())
    files = config["dataset_kwargs"]["data_files"]
    config["dataset_kwargs"]["data_files"] = {k: str(file.parent / f) for k, f in files.items()}
    model = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=4)
    manager = TaskManager(include_defaults=False)
    found = simple_evaluate(
        model=model, tasks=[config], task_manager=manager, bootstrap_iters=1000, **how
    )
    return dict(found)


@pytest.mark.parametrize(
    ("config", "how"),
    [
        (CHOICE, {}),
        (CHOICE, {"num_fewshot": 3}),
        (CHOICE, {"num_fewshot": 2, "apply_chat_template": True}),
        (CHOICE, {"limit": 5}),
        (LIKELIHOOD, {"num_fewshot": 1}),
        (ROLLING, {}),
        (GENERATE, {}),
        (GENERATE, {"num_fewshot": 2, "apply_chat_template": True}),
    ],
)
def test_scores_are_those_of_its_own_runner(
    loaded: Loaded, tmp_path: Path, config: dict[str, Any], how: dict[str, Any]
):
    file = written(tmp_path, config)
    renamed = {"chat_template" if k == "apply_chat_template" else k: v for k, v in how.items()}
    found, other = ours(loaded, file, **renamed), theirs(loaded, file, **how)
    expected = other["results"]["metals"]
    assert found.figures
    for figure in found.figures:
        key = f"{figure['metric']},{figure['filter']}"
        assert figure["value"] == pytest.approx(expected[key], rel=1e-4), key
        error = expected[f"{figure['metric']}_stderr,{figure['filter']}"]
        if figure["metric"] in ("acc", "acc_norm", "exact_match"):
            assert figure["stderr"] == pytest.approx(error)
        assert figure["examples"] == other["n-samples"]["metals"]["effective"]


@pytest.mark.parametrize("config", [CHOICE, GENERATE])
def test_each_document_got_what_its_own_runner_gave_it(
    loaded: Loaded, tmp_path: Path, config: dict[str, Any]
):
    file = written(tmp_path, config)
    found, other = ours(loaded, file), theirs(loaded, file)["samples"]["metals"]
    assert len(found.samples) == len(other)
    for mine, its in zip(found.samples, other, strict=True):
        assert mine["prompt"] == its["arguments"][0][0]
        if config is GENERATE:
            assert mine["responses"] == its["filtered_resps"]
        else:
            totals = [total for total, _ in mine["responses"]]
            assert totals == pytest.approx([total for total, _ in its["filtered_resps"]], rel=1e-4)


def test_a_windowed_text_is_scored_as_its_own_runner_does(loaded: Loaded, tmp_path: Path):
    """More tokens than the model reads at once."""
    docs = [{**DOCS[0], "text": "gold and tin, lead and iron. " * 90}]
    file = written(tmp_path, ROLLING, docs)
    expected = theirs(loaded, file)["results"]["metals"]
    for figure in ours(loaded, file).figures:
        assert figure["value"] == pytest.approx(expected[f"{figure['metric']},none"], rel=1e-4)


def test_a_task_is_part_of_an_evaluation(llama: Path, tmp_path: Path):
    file, out = written(tmp_path, CHOICE), tmp_path / "out"
    spec = EvaluateSpec.model_validate({"models": ["m", "n"], "tasks": [{"file": "t"}]})
    result = run(spec, {"m": llama, "n": llama, "t": file}, out, Silent())
    assert [(s.model, s.task, s.metric) for s in result.tasks] == [
        (model, "metals", metric) for model in ("m", "n") for metric in ("acc", "acc_norm")
    ]
    assert [(c.asked, c.metric, c.verdict) for c in result.comparisons] == [
        ("metals", "acc", "same"),
        ("metals", "acc_norm", "same"),
    ]
    assert {path.name for path in out.iterdir()} == {"tasks-0-0.jsonl", "tasks-1-0.jsonl"}
    first = json.loads((out / "tasks-0-0.jsonl").read_text().splitlines()[0])
    assert {"task", "document", "prompt", "target", "responses", "metrics"} == first.keys()


def test_documents_may_lie_elsewhere(loaded: Loaded, tmp_path: Path):
    file = written(tmp_path, {k: v for k, v in CHOICE.items() if not k.startswith("dataset_")})
    (tmp_path / "data").mkdir()
    for split, name in (("train", "shots"), ("test", "docs")):
        (tmp_path / f"{name}.jsonl").rename(tmp_path / f"data/{split}.jsonl")
    places = {"t": file, "d": tmp_path / "data"}
    found = run_task(loaded, Task(file="t", data="d"), places, 3)
    assert found.figures[0]["examples"] == len(DOCS)


def test_progress_counts_requests_and_may_stop(loaded: Loaded, tmp_path: Path):
    file, seen = written(tmp_path, CHOICE), []
    run_task(loaded, Task(file="t"), {"t": file}, 2, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (32, 32) and len(seen) > 2

    def stop(done: int, total: int) -> None:
        raise Stopped("stopped", "Stopped.")

    with pytest.raises(Stopped):
        run_task(loaded, Task(file="t"), {"t": file}, 2, stop)


class TestNames:
    def test_an_unknown_task_is_answered_with_the_nearest(self, loaded: Loaded):
        with pytest.raises(InputError, match=r"no task 'arc_esay'.*arc_easy"):
            run_task(loaded, Task(name="arc_esay"), {}, 4)

    def test_what_is_not_here_is_not_fetched(self, loaded: Loaded):
        with pytest.raises(InputError, match="nothing is downloaded"):
            run_task(loaded, Task(name="arc_easy", limit=2), {}, 4)

    def test_a_known_task_may_bring_its_documents(self, loaded: Loaded, tmp_path: Path):
        """arc_easy as the harness has it, on documents of its form."""
        docs = [
            {
                "id": str(n),
                "question": f"What is {name}?",
                "choices": {"text": ["A metal", "A fish"], "label": ["A", "B"]},
                "answerKey": "A",
            }
            for n, name in enumerate(NAMES)
        ]
        (tmp_path / "test.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
        found = run_task(loaded, Task(name="arc_easy", data="d"), {"d": tmp_path}, 4)
        assert [figure["metric"] for figure in found.figures] == ["acc", "acc_norm"]
        assert found.samples[0]["prompt"] == "Question: What is gold?\nAnswer:"

    def test_documents_are_of_one_task(self, loaded: Loaded, tmp_path: Path):
        (tmp_path / "test.jsonl").write_text("{}\n")
        with pytest.raises(InputError, match="is several tasks"):
            run_task(loaded, Task(name="mmlu", data="d"), {"d": tmp_path}, 4)

    def test_code_of_models_is_not_run(self, loaded: Loaded, tmp_path: Path):
        row = {"task_id": "0", "prompt": "def f():\n", "test": "", "entry_point": "f"}
        (tmp_path / "test.jsonl").write_text(json.dumps(row | {"canonical_solution": ""}) + "\n")
        with pytest.raises(InputError, match="runs what models write"):
            run_task(loaded, Task(name="humaneval", data="d"), {"d": tmp_path}, 4)
