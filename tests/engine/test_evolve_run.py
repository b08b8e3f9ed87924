"""A whole evolution of tiny models, from folders to a folder."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from alloyengine.errors import InputError, Stopped
from alloyengine.evaluate.examples import read_examples
from alloyengine.evaluate.models import load
from alloyengine.evaluate.perplexity import perplexity
from alloyengine.evolve.history import NAME
from alloyengine.evolve.run import run
from alloyengine.execute import execute
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import run as merge
from alloyengine.report import Silent
from alloyengine.spec.evaluate import TestSet
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import MergeSpec, Recipe
from alloyengine.spec.result import RESULT, START, EvolveResult
from tests.engine.evolving import RECIPE, Recording, spec_of

METALS = ["gold", "tin", "iron", "lead", "zinc", "copper", "nickel", "silver", "cobalt"]
WORDS = [*METALS, "radium", "argon", "neon", "xenon", "krypton"]


@pytest.fixture
def inputs(three_llamas: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    return three_llamas | {"d": dataset(tmp_path / "d", WORDS[:10])}


def dataset(folder: Path, words: list[str]) -> Path:
    folder.mkdir()
    rows = [{"prompt": f"Symbol of {word}?", "completion": word[:2]} for word in words]
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def spec(**changes: Any) -> EvolveSpec:
    """Perplexity: tiny models of random weights give no right answer."""
    values: dict[str, Any] = {
        "tasks": [{"dataset": "d", "metric": "perplexity"}],
        "budget": {"evaluations": 20},
    }
    return spec_of(**(values | changes))


def test_the_result_is_an_ordinary_model(inputs: dict[str, Path], tmp_path: Path):
    """Another merge by the recipe that lies beside it is the same model."""
    out = tmp_path / "out"
    result = execute(spec(), inputs, out, Silent())
    assert isinstance(result, EvolveResult)
    again = MergeSpec(recipe=parse((out / "recipe.yml").read_text()))
    assert again.recipe == result.recipe
    merge(again, inputs, tmp_path / "again", Silent())
    found, expected = (
        load_file(folder / "model.safetensors") for folder in (out, tmp_path / "again")
    )
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert {path.name for path in out.iterdir()} == {
        "model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json",
        "merge_manifest.json", "README.md", "recipe.yml", "evolution.png", NAME,
    }  # fmt: skip
    assert (out / "evolution.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("out.*"))


def test_the_winner_is_better_than_the_start(inputs: dict[str, Path], tmp_path: Path):
    result = run(spec(), inputs, tmp_path / "out", Silent())
    lines = [json.loads(line) for line in (tmp_path / "out" / NAME).read_text().splitlines()]
    assert len(lines) == result.evaluations == 20
    best = max(lines, key=lambda line: line["score"])
    assert best["recipe"] == result.recipe.model_dump(mode="json")
    assert result.score == best["score"] > lines[0]["score"]
    assert all(line["making"] > 0 and line["scoring"] > 0 for line in lines)


def test_the_report_is_on_other_questions_and_of_the_parents_too(
    inputs: dict[str, Path], tmp_path: Path
):
    from alloyengine.evaluate.run import run as evaluate
    from alloyengine.spec.evaluate import EvaluateSpec

    inputs["r"] = dataset(tmp_path / "r", WORDS[10:])
    tasks = [{"dataset": "d", "metric": "perplexity", "report": "r"}]
    result = run(spec(tasks=tasks), inputs, tmp_path / "out", Silent())
    assert [s.model for s in result.scores] == [RESULT, START, "base", "first", "second"]
    assert {(s.dataset, s.examples) for s in result.scores} == {("r", 4)}
    asked = EvaluateSpec.model_validate(
        {"models": ["out", "first"], "test_sets": [{"dataset": "r", "metric": "perplexity"}]}
    )
    places = inputs | {"out": tmp_path / "out"}
    on_disk = evaluate(asked, places, tmp_path / "answers", Silent()).scores
    in_memory = {s.model: s.value for s in result.scores}
    assert on_disk[0].value == pytest.approx(in_memory[RESULT], rel=1e-6)
    assert on_disk[1].value == pytest.approx(in_memory["first"], rel=1e-6)


def test_the_best_of_a_sample_are_asked_everything(inputs: dict[str, Path], tmp_path: Path):
    report = Recording()
    tasks = [{"dataset": "d", "metric": "perplexity", "sample": 2}]
    run(spec(tasks=tasks, finalists=2), inputs, tmp_path / "out", report)
    assert any(line == "2 dimensions. Every candidate answers 2 of d." for line in report.logs)
    assert sum("on all questions" in line for line in report.logs) == 2


@pytest.mark.parametrize("sample", [2, None])
def test_of_equals_the_one_wins_that_finds_the_answers_likeliest(
    inputs: dict[str, Path], tmp_path: Path, sample: int | None
):
    """Tiny models of random weights are all wrong: the first four are the finalists."""
    inputs["r"] = dataset(tmp_path / "r", WORDS[10:])
    report, asked = Recording(), {"dataset": "d", "metric": "exact_match", "report": "r"}
    tasks = [asked | {"sample": sample}]
    result = run(spec(tasks=tasks, finalists=4), inputs, tmp_path / "out", report)
    lines = (tmp_path / "out" / NAME).read_text().splitlines()[:4]
    recipes = [Recipe.model_validate(json.loads(line)["recipe"]) for line in lines]
    surprised = []
    for number, recipe in enumerate(recipes):
        merge(MergeSpec(recipe=recipe), inputs, tmp_path / str(number), Silent())
        rows = read_examples(TestSet(dataset="d", metric="perplexity"), inputs["d"])
        figure, _ = perplexity(load(tmp_path / str(number)), rows, 4, lambda _: None)
        surprised.append(figure.value)
    assert result.recipe == recipes[surprised.index(min(surprised))] != recipes[0]
    assert any("4 finalists are equal" in line for line in report.logs)


def test_an_interrupted_search_makes_the_same_model(inputs: dict[str, Path], tmp_path: Path):
    kept = tmp_path / "kept"
    whole = run(spec(), inputs, tmp_path / "whole", Silent())
    with pytest.raises(Stopped):
        run(spec(), inputs, tmp_path / "parts", Recording(stop_after=7), kept)
    assert not (tmp_path / "parts").exists()
    report = Recording()
    found = run(spec(), inputs, tmp_path / "parts", report, kept)
    assert "Goes on after 7 candidates that are scored already." in report.logs
    assert found == whole


def test_a_killed_search_tries_the_same_candidates(inputs: dict[str, Path], tmp_path: Path):
    """SIGKILL at a random candidate, also while one is written."""
    whole = run(spec(budget={"evaluations": 30}), inputs, tmp_path / "whole", Silent())
    raw = spec(budget={"evaluations": 30}).model_dump(mode="json")
    (tmp_path / "search.yml").write_text(yaml.safe_dump(raw))
    program = "import typer; from alloyengine.cli.evolve import evolve; typer.run(evolve)"
    command = [sys.executable, "-c", program, str(tmp_path / "search.yml"), str(tmp_path / "out")]
    file, order = tmp_path / "out.candidates" / NAME, random.Random(1)
    for _ in range(2):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=tmp_path)
        wanted, deadline = lines(file) + order.randint(2, 6), time.monotonic() + 90
        while lines(file) < wanted:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.wait()
        assert process.returncode == -signal.SIGKILL
    again = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    expected, found = (candidates(tmp_path / name / NAME) for name in ("whole", "out"))
    assert found == expected
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "out"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert whole.evaluations == len(found) == 30


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def candidates(file: Path) -> list[dict[str, Any]]:
    """Without how long they took."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in ("making", "scoring")} for row in rows]


def test_a_folder_in_the_way_is_found_before_the_work(inputs: dict[str, Path], tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="out is already there"):
        run(spec(), inputs, tmp_path / "out", Silent())


def test_models_that_do_not_fit_are_refused(inputs: dict[str, Path], tmp_path: Path):
    from tests.engine.tiny import tiny_llama

    inputs["second"] = tiny_llama(tmp_path / "deeper", 5, layers=3)
    with pytest.raises(InputError, match="layers"):
        run(spec(), inputs, tmp_path / "out", Silent())


def test_a_front_is_told_on_the_card(inputs: dict[str, Path], tmp_path: Path):
    inputs["e"] = dataset(tmp_path / "e", WORDS[10:])
    tasks = [{"dataset": name, "metric": "perplexity"} for name in "de"]
    run(spec(tasks=tasks, aim="front"), inputs, tmp_path / "out", Silent())
    card = (tmp_path / "out/README.md").read_text()
    assert "The front, of which this model is one" in card
    assert "| Candidate | Task 1 | Task 2 |" in card


def test_the_card_names_no_path_of_this_machine(inputs: dict[str, Path], tmp_path: Path):
    models = [
        {"model": str(inputs[name]), "parameters": {"weight": {"low": 0, "high": 1}}}
        for name in ("first", "second")
    ]
    recipe = RECIPE | {"base_model": str(inputs["base"]), "models": models}
    places = {str(path): path for path in inputs.values()} | {"d": inputs["d"]}
    run(spec(recipe=recipe), places, tmp_path / "out", Silent())
    assert str(tmp_path) not in (tmp_path / "out/README.md").read_text()
