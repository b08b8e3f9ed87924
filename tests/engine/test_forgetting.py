"""What a tuned model forgot is measured, and a merge back towards its base recovers it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import load_file

from alloyengine.checkpoint import Checkpoint, write
from alloyengine.cli.forgetting import forgetting
from alloyengine.errors import InputError, Stopped
from alloyengine.evaluate.models import load
from alloyengine.report import Silent
from alloyengine.spec.train import Forgetting, TrainSpec
from alloyengine.train.between import Between, blend
from alloyengine.train.forgetting import loss_on, measure, merge_back, read_some
from alloyengine.train.forgetting_page import as_report, rows, sentence
from alloyengine.train.run import run
from alloyengine.train.way_back import Found, Point, places, search
from tests.engine.tiny import tiny_llama, tiny_tensors

HOW = Forgetting(dataset="general", keep=0.95)
TASK = [{"prompt": f"Symbol of {n}?", "completion": n[:2]} for n in map(str, range(100, 130))]
GENERAL = [{"text": f"The capital of France is Paris, {n} times."} for n in range(12)]


class Heard(Silent):
    def __init__(self) -> None:
        self.logs: list[str] = []
        self.reports: dict[str, dict[str, Any]] = {}
        self.steps = 0

    def metric(self, name: str, step: int, value: float) -> None:
        self.steps = step

    def log(self, message: str, level: Any = "info") -> None:
        self.logs.append(message)

    def report(self, name: str, data: dict[str, Any]) -> None:
        self.reports[name] = data


def curved(weight: float) -> Point:
    """Forgetting sets in late, learning early: as it is with real models."""
    return Point(weight, general=2 + weight**2, task=4 * (1 - weight) ** 2)


@pytest.fixture
def tuned(llama: Path, tmp_path: Path) -> Path:
    """The llama with other numbers in two tensors."""
    tensors, other = tiny_tensors(1), tiny_tensors(2)
    names = ["model.layers.0.mlp.up_proj.weight", "model.embed_tokens.weight"]
    write(tmp_path / "tuned", tensors | {name: other[name] for name in names}, llama)
    return tmp_path / "tuned"


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    """Data by the names of a spec."""
    for name, lines in (("task", TASK), ("general", GENERAL)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return {name: tmp_path / name for name in ("task", "general")}


def trained(llama: Path, sets: dict[str, Path], out: Path, report: Silent, **more: Any) -> Any:
    told = {
        "model": "llama",
        "dataset": "task",
        "epochs": 12,
        "learning_rate": 1e-2,
        "batch_size": 8,
    }
    how = {"dataset": "general", **more.pop("forgetting", {})}
    spec = TrainSpec.model_validate(
        told | {"tuning": "full", "evaluation": {"share": 0.2}, "forgetting": how} | more
    )
    return run(spec, {"llama": llama, **sets}, out, report)


# The search


@pytest.mark.parametrize(("keep", "weight"), [(0.75, 0.5), (0.96, 0.8), (0.9999, 0.99)])
def test_the_search_finds_the_border_of_what_must_be_kept(keep: float, weight: float):
    """Kept is 1 - (1 - weight)²; the general loss falls all the way to the base."""
    found = search(curved, keep)
    assert found.kept(found.best) >= keep
    assert found.best.weight == pytest.approx(weight, abs=0.016)


def test_the_search_finds_a_least_general_loss_on_the_way():
    found = search(lambda w: Point(w, general=(w - 0.3) ** 2, task=1 - w), keep=0.2)
    assert found.best.weight == pytest.approx(0.3, abs=0.03)


def test_a_task_that_gets_worse_at_once_leaves_the_tuned_model():
    found = search(lambda w: Point(w, general=w, task=0.0 if w == 1 else 1.0), keep=0.5)
    assert found.best is found.tuned


def test_a_search_is_short():
    looked = []
    search(lambda w: looked.append(w) or curved(w), keep=0.9)
    assert len(looked) == len(set(looked)) <= places()


@pytest.mark.parametrize(
    ("task", "general", "words"),
    [
        (lambda w: w, lambda w: w, "did not fall"),
        (lambda w: 1 - w, lambda w: 1 - w, "Nothing was forgotten"),
        (lambda w: float(w < 1), lambda w: w, "No place between the two keeps 95%"),
        (lambda w: 1 - w, lambda w: w, "5% of what was forgotten is back, and 95% of"),
    ],
)
def test_it_is_told_how_it_went(task: Any, general: Any, words: str):
    found = search(lambda w: Point(w, general(w), task(w)), keep=HOW.keep)
    assert words in sentence(found, HOW)


def test_without_learning_or_forgetting_only_five_places_are_looked_at():
    found = search(lambda w: Point(w, general=1.0, task=w), keep=0.95)
    assert len(found.points) == 5 and found.best is found.tuned
    assert found.kept(found.base) is None and found.recovered(found.base) is None


# Models between


@pytest.mark.parametrize("method", ["linear", "slerp"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_blend_begins_and_ends_where_it_should(method: Any, dtype: torch.dtype):
    a, b = (torch.randn(8, 8, generator=torch.Generator().manual_seed(n)).to(dtype) for n in (1, 2))
    assert torch.equal(blend(a, b, 0.0, method), a)
    assert torch.equal(blend(a, b, 1.0, method), b)


def test_the_arc_keeps_the_length_where_the_line_cuts_it_short():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    half = math.sqrt(0.5)
    assert torch.allclose(blend(a, b, 0.5, "slerp"), torch.tensor([half, half]))
    assert torch.allclose(blend(a, b, 0.5, "linear"), torch.tensor([0.5, 0.5]))


def test_a_tensor_of_zeros_has_no_direction_and_is_left_in_a_line():
    assert torch.equal(blend(torch.zeros(2), torch.ones(2), 0.5, "slerp"), torch.full((2,), 0.5))


@pytest.mark.parametrize("method", ["linear", "slerp"])
def test_what_is_measured_is_what_is_saved(llama: Path, tuned: Path, tmp_path: Path, method: Any):
    merge_back(llama, tuned, 0.3, method, tmp_path / "out", Silent())
    saved = load(tmp_path / "out").model.state_dict()
    loaded = load(llama).model
    with Checkpoint.open(llama) as base, Checkpoint.open(tuned) as other:
        Between(base, other, method).put(loaded, 0.3)
    assert all(torch.equal(saved[name], tensor) for name, tensor in loaded.state_dict().items())


def test_only_what_differs_is_between(llama: Path, tuned: Path):
    with Checkpoint.open(llama) as base, Checkpoint.open(tuned) as other:
        names = Between(base, other, "linear").names
    assert set(names) == {"model.layers.0.mlp.up_proj.weight", "model.embed_tokens.weight"}


def test_half_way_along_the_line_is_the_mean(llama: Path, tuned: Path, tmp_path: Path):
    merge_back(llama, tuned, 0.5, "linear", tmp_path / "out", Silent())
    first, second, half = (
        load_file(folder / "model.safetensors") for folder in (llama, tuned, tmp_path / "out")
    )
    for name, tensor in half.items():
        torch.testing.assert_close(tensor, (first[name] + second[name]) / 2)


def test_models_of_other_shapes_have_nothing_between(llama: Path, tmp_path: Path):
    deeper = tiny_llama(tmp_path / "deeper", seed=1, layers=3)
    with pytest.raises(InputError, match="not of one shape"):
        measure(llama, deeper, lambda _: 1.0, lambda _: 1.0, HOW, Silent())


def test_an_order_to_stop_is_heeded(llama: Path, tuned: Path):
    class Stopping(Heard):
        def stopping(self) -> bool:
            return len(self.logs) == 2

    report = Stopping()
    with pytest.raises(Stopped):
        measure(llama, tuned, lambda _: 1.0, lambda _: 1.0, HOW, report)
    assert len(report.logs) == 2


def test_the_ends_have_the_losses_of_the_two_models(
    llama: Path, tuned: Path, sets: dict[str, Path]
):
    loss = loss_on(read_some(sets["general"], 5))
    found = measure(llama, tuned, loss, loss, HOW, Silent())
    assert found.base.general == pytest.approx(loss(load(llama)), abs=1e-6)
    assert found.tuned.general == pytest.approx(loss(load(tuned)), abs=1e-6)


# At the end of training


def test_training_reports_what_it_forgot(llama: Path, sets: dict[str, Path], tmp_path: Path):
    report = Heard()
    trained(llama, sets, tmp_path / "out", report)
    told = report.reports["forgetting"]
    first, last = told["rows"][0], told["rows"][-1]
    assert last["general_loss"] > first["general_loss"] and last["task_loss"] < first["task_loss"]
    assert (first["weight"], last["weight"], told["merged_back"]) == (0.0, 1.0, False)
    assert json.dumps(told, allow_nan=False)
    assert any("General loss: " in line for line in report.logs)


def test_a_merge_back_is_the_best_place_found(llama: Path, sets: dict[str, Path], tmp_path: Path):
    trained(llama, sets, tmp_path / "plain", Heard())
    report = Heard()
    trained(llama, sets, tmp_path / "out", report, forgetting={"merge_back": True, "keep": 0.8})
    told = report.reports["forgetting"]
    best = next(row for row in told["rows"] if row["weight"] == told["best"])
    assert told["merged_back"] and 0.8 <= best["kept"] < 1 and best["recovered"] > 0
    merge_back(llama, tmp_path / "plain", told["best"], "linear", tmp_path / "again", Silent())
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("out", "again")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not list(tmp_path.glob("out.*"))


@pytest.mark.parametrize(
    "tuning", [{"method": "lora", "rank": 4}, "spectrum"], ids=["lora", "spectrum"]
)
def test_its_card_shows_what_was_forgotten(
    llama: Path, sets: dict[str, Path], tmp_path: Path, tuning: Any
):
    tuning = tuning if isinstance(tuning, dict) else {"method": "spectrum", "percent": 50}
    trained(llama, sets, tmp_path / "out", Silent(), tuning=tuning)
    card = (tmp_path / "out/README.md").read_text()
    assert "## What it forgot\n\nGeneral loss: " in card and "](forgetting.png)" in card
    with Image.open(tmp_path / "out/forgetting.png") as picture:
        assert picture.size == (720, 480)


def test_a_delta_of_a_merge_back(llama: Path, sets: dict[str, Path], tmp_path: Path):
    how = {"merge_back": True, "keep": 0.8}
    trained(llama, sets, tmp_path / "out", Silent(), forgetting=how, save="delta")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"delta.json", "delta.safetensors", "forgetting.png"} <= names
    assert "model.safetensors" not in names


def test_without_held_out_examples_it_warns(llama: Path, sets: dict[str, Path], tmp_path: Path):
    report = Heard()
    trained(llama, sets, tmp_path / "out", report, evaluation={"share": 0}, max_steps=1)
    assert any("measured on examples that were learned" in line for line in report.logs)


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "has no rows"), ("{}", "nothing to learn from"), ("[", "Line 1 is not JSON")],
)
def test_a_general_set_that_can_not_be_read_is_refused_before_training(
    llama: Path, sets: dict[str, Path], tmp_path: Path, content: str, words: str
):
    (sets["general"] / "train.jsonl").write_text(content)
    report = Heard()
    with pytest.raises(InputError, match=words):
        trained(llama, sets, tmp_path / "out", report)
    assert not report.steps


def test_a_folders_test_rows_come_before_its_train_rows(sets: dict[str, Path]):
    (sets["general"] / "test.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    assert read_some(sets["general"], 1) == ["one"]
    (sets["general"] / "test.jsonl").write_text("")
    assert len(read_some(sets["general"], 99)) == len(GENERAL)


def test_a_general_set_is_an_input_but_not_learned_from():
    spec = TrainSpec.model_validate({"model": "m", "dataset": "d", "forgetting": {"dataset": "g"}})
    assert ("forgetting", "dataset") in [ref.loc for ref in spec.inputs()]


@pytest.mark.parametrize(
    "wrong", [{}, {"dataset": "g", "keep": 0}, {"dataset": "g", "method": "x"}]
)
def test_a_wrong_wish_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ValidationError, match="forgetting"):
        TrainSpec.model_validate({"model": "m", "dataset": "d", "forgetting": wrong})


# The command


def test_two_models_are_compared_and_merged_from_the_command_line(
    llama: Path, tuned: Path, sets: dict[str, Path], tmp_path: Path, capsys: Any
):
    forgetting(str(llama), str(tuned), sets["general"], sets["task"], tmp_path / "out", rows=4)
    said = capsys.readouterr().out
    assert "General loss" in said and "base" in said
    assert {"README.md", "forgetting.png", "model.safetensors"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    assert "base_model:\n- llama\n- tuned\n" in (tmp_path / "out/README.md").read_text()


def test_a_share_beyond_one_is_refused(llama: Path, sets: dict[str, Path]):
    with pytest.raises(InputError, match=r"--keep 1\.5 is no share"):
        forgetting(str(llama), str(llama), sets["general"], sets["task"], keep=1.5)


def test_a_table_marks_the_best(sets: dict[str, Path]):
    points = tuple(map(curved, (0.0, 0.5, 1.0)))
    found = Found(points, points[1])
    assert [row[-1] for row in rows(found)] == ["base", "best", "tuned"]
    assert as_report(found, HOW, True)["rows"][1]["kept"] == 0.75
