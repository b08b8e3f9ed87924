"""The card of a model says what was done, for people and for hubs, and nothing about the machine."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from alloyengine.card import as_yaml, front_matter, names_of
from alloyengine.checkpoint import facts
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import run as merge
from alloyengine.report import Silent
from alloyengine.spec.merge import MergeSpec
from alloyengine.spec.train import TrainSpec
from alloyengine.train.chart import smoothed, ticks
from alloyengine.train.curve import NAME, Curve
from alloyengine.train.run import run
from alloyengine.train.source import data_of
from tests.engine.tiny import tiny_llama

ROWS = [{"prompt": f"Symbol of {n}?", "completion": n[:2]} for n in map(str, range(100, 112))]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model and data are named by absolute paths."""
    folder = tmp_path_factory.mktemp("machine")
    base = tiny_llama(folder / "little-llama", seed=1)
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    (folder / "facts").mkdir()
    (folder / "facts/train.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    spec = TrainSpec.model_validate(
        {
            "model": str(base),
            "dataset": str(folder / "facts"),
            "tuning": {"method": "spectrum", "percent": 50},
            "epochs": 4,
            "batch_size": 4,
            "evaluation": {"share": 0.25, "every": 3},
        }
    )
    run(spec, {spec.model: base, spec.dataset: folder / "facts"}, folder / "out", Silent())
    return folder / "out"


def front_of(card: str) -> Any:
    return yaml.safe_load(card.split("\n---\n")[0])


def test_a_hub_can_read_what_the_model_is(trained: Path):
    assert front_of((trained / "README.md").read_text()) == {
        "base_model": ["little-llama"],
        "license": "apache-2.0",
        "datasets": ["facts"],
        "tags": ["sft", "spectrum", "alloyworks"],
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
    }


def test_the_bases_licence_is_the_results(trained: Path):
    assert facts(trained).licence == "apache-2.0"


def test_the_whole_spec_can_be_run_again(trained: Path):
    card = (trained / "README.md").read_text()
    written = yaml.safe_load(card.split("```yaml\n")[1].split("```")[0])
    spec = TrainSpec.model_validate(written)
    assert (spec.model, spec.dataset, spec.epochs) == ("little-llama", "facts", 4)


def test_no_path_of_the_machine_is_on_it(trained: Path):
    assert "machine" not in (trained / "README.md").read_text().replace("Machine", "")
    assert str(trained.parent) not in (trained / "README.md").read_text()


def test_the_data_can_be_known_again(trained: Path):
    data = data_of(trained.parent / "facts")
    card = (trained / "README.md").read_text()
    assert f"| Data `facts` | 12 rows, SHA-256 `{data.digest}` |" in card


def test_it_shows_the_losses_and_where_they_were_found(trained: Path):
    card = (trained / "README.md").read_text()
    assert "](training.png)" in card
    assert "| Step | Loss | Evaluation loss |\n| --- | --- | --- |\n| 3 | " in card
    assert "on 3 examples held out" in card
    assert "tokens a second" in card and "| torch | " in card
    with Image.open(trained / "training.png") as picture:
        assert picture.size == (720, 240) and len(picture.getcolors(1 << 20)) > 10


def test_rows_are_counted_whether_or_not_the_last_line_ends(tmp_path: Path):
    (tmp_path / "train.jsonl").write_text('{"text": "a"}\n\n{"text": "b"}')
    (tmp_path / "other.jsonl").write_text('{"text": "a"}\n{"text": "b"}\n')
    assert data_of(tmp_path).rows == data_of(tmp_path / "other.jsonl").rows == 2


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_rows_are_counted_however_the_file_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    monkeypatch.setattr("alloyengine.train.source._BLOCK", size)
    (tmp_path / "train.jsonl").write_text("\n{}\n \n\n[1, 2]\n{}")
    assert data_of(tmp_path).rows == 3


def test_folders_of_one_name_are_told_apart():
    names = names_of(["/x/first/final", "/x/second/final", "owner/name"])
    assert list(names.values()) == ["final", "second/final", "owner/name"]


def test_a_hub_is_told_no_name_that_it_would_refuse():
    wrong = ["job:12", "my model", "0f8fad5b-d9cb-469f-a165-70867728950e", "../x"]
    assert "base_model" not in front_matter(wrong, [])
    assert front_of(front_matter(["owner/name@v1"], []))["base_model"] == ["owner/name"]


def test_a_licence_unknown_to_hubs_has_a_name_of_its_own():
    front = front_of(front_matter([], [], licence="mrl"))
    assert (front["license"], front["license_name"]) == ("other", "mrl")


def test_a_name_can_not_break_out_of_the_front_matter():
    tag = "a\n---\nlicense: mit"
    assert front_of(front_matter([], [tag])) == {"tags": [tag, "alloyworks"]}


def test_references_are_renamed_wherever_they_stand():
    assert "- b: x\n" in as_yaml({"a": [{"b": "/long/x"}]}, {"/long/x": "x"})


def test_a_merges_card_names_no_path(three_llamas: dict[str, Path], tmp_path: Path):
    first, second = (str(three_llamas[name]) for name in ("first", "second"))
    models = [{"model": name} for name in (first, second)]
    told = {"merge_method": "linear", "models": models, "parameters": {"weight": 1}}
    recipe = parse(json.dumps(told))
    merge(
        MergeSpec(recipe=recipe),
        {first: Path(first), second: Path(second)},
        tmp_path / "m",
        Silent(),
    )
    card = (tmp_path / "m/README.md").read_text()
    assert str(tmp_path) not in card
    assert front_of(card)["base_model"] == ["first", "second"]


def test_a_curve_outlives_the_process(tmp_path: Path):
    """Up to a line that a kill cut short."""
    (tmp_path / "step-000002").mkdir()
    file = tmp_path / NAME
    first = Curve(Silent(), file)
    for step, loss in enumerate((3.0, 2.0, 1.5), start=1):
        first.metric("loss", step, loss)
    file.write_text(file.read_text()[:-4])
    second = Curve(Silent(), file)
    second.metric("loss", 3, 1.4)
    second.metric("learning_rate", 3, 0.1)
    assert Curve(Silent(), file).losses(3) == {1: 3.0, 2: 2.0, 3: 1.4}


def test_a_curve_without_a_checkpoint_begins_anew(tmp_path: Path):
    """It is of a run that left none, perhaps of another spec."""
    Curve(Silent(), tmp_path / NAME).metric("loss", 9, 3.0)
    assert Curve(Silent(), tmp_path / NAME).losses(100) == {}


def test_the_time_is_that_of_the_steps_done(tmp_path: Path):
    curve = Curve(Silent())
    for step in (1, 2):
        curve.metric("loss", step, 1.0)
    assert 0 < curve.seconds(1) < curve.seconds(2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 5.7], [0, 2, 4, 6]),
        ([2.31, 2.38], [2.3, 2.32, 2.34, 2.36, 2.38]),
        ([3.0, 3.0], [3, 4]),
        ([0.0], [0, 0.2]),
    ],
)
def test_axes_have_round_numbers(values: list[float], expected: list[float]):
    assert ticks(values) == expected


def test_smoothing_leaves_the_ends_where_they_are():
    points = smoothed({1: 4.0, 2: 0.0, 3: 2.0}, 3)
    assert points == {1: 4.0, 2: 2.0, 3: 2.0}
