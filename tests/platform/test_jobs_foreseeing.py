"""What a training will take, asked before it is submitted: the real engine, headers without weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from alloyengine.report import Silent
from alloyengine.spec.train import TrainSpec
from alloyengine.train.foresee import foresee_spec
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets, heads
from alloyworks.catalog.models import Dataset, DatasetFormat, ModelVersion
from alloyworks.jobs.models import Job, JobState
from alloyworks.storage import objects
from tests.engine.tiny import tiny_llama
from tests.platform.catalog_cast import make_dataset, make_model
from tests.platform.job_forms import train_fields
from tests.platform.test_api_core import assert_problem
from tests.platform.world import World

Api = Callable[[Principal], Client]
ESTIMATE = "/api/v1/jobs/estimate"
ROWS = 40


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("model") / "tiny", seed=1)


@pytest.fixture
def model(world: World, tiny: Path) -> ModelVersion:
    """Nobody may ask for its weights: storage has their header alone."""
    files = {path.name: path.read_bytes() for path in tiny.iterdir()}
    entries = [{"path": name, "size": len(content)} for name, content in files.items()]
    entries.append({"path": "original/model.safetensors", "size": 1})  # no model's, and not there
    weights = files["model.safetensors"]
    files["model.safetensors"] = weights[: 8 + int.from_bytes(weights[:8], "little")]
    with world.scope():
        made = make_model(world.owner, files=entries)
        for name, content in files.items():
            objects.put_bytes(made.storage_prefix + name, content)
    return made


@pytest.fixture
def data(world: World) -> Dataset:
    content = "".join(map(row, range(ROWS))).encode()
    with world.scope():
        entry = {"path": "train.jsonl", "size": len(content)}
        made = make_dataset(
            world.owner, format=DatasetFormat.PROMPT, train_rows=ROWS, files=[entry]
        )
        objects.put_bytes(datasets.prefix_of(made) + "train.jsonl", content)
    return made


def row(number: int) -> str:
    return json.dumps({"prompt": f"Symbol of {number:02}?", "completion": f"{number:02}"}) + "\n"


def spec_of(model: ModelVersion, data: Dataset, **more: Any) -> dict[str, Any]:
    wanted = {"kind": "train", "model": str(model.id), "dataset": str(data.id)}
    return wanted | {"tuning": {"method": "full"}, "epochs": 3, "batch_size": 4} | more


def test_it_says_what_the_engine_says_of_the_whole(
    api: Api, world: World, model: ModelVersion, data: Dataset, tiny: Path, tmp_path: Path
) -> None:
    spec = spec_of(model, data)
    (tmp_path / "train.jsonl").write_text("".join(map(row, range(ROWS))))
    inputs = {str(model.id): tiny, str(data.id): tmp_path}
    expected = foresee_spec(TrainSpec.model_validate(spec), inputs, Silent())

    answer = api(world.owner).post(ESTIMATE, spec, "application/json")

    assert answer.status_code == 200, answer.content
    found = answer.json()
    assert found["steps"] == expected.steps == 30
    for what in ("weights", "gradients and optimiser", "activations"):
        assert found["memory"][what] == expected.memory[what]
    assert sum(found["memory"].values()) == found["peak"] <= found["free"]
    assert found.keys() == {"seconds", "steps", "memory", "peak", "free"}
    assert not Job.objects.exists()


def test_of_a_large_dataset_the_first_rows_stand_for_all(
    api: Api, world: World, model: ModelVersion, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "_ROWS_BYTES", 10 * len(row(0)))

    answer = api(world.owner).post(ESTIMATE, spec_of(model, data), "application/json")

    assert answer.json()["steps"] == 30


def test_what_can_not_be_learned_from_is_said_in_the_engines_words(
    api: Api, world: World, model: ModelVersion, data: Dataset
) -> None:
    spec = spec_of(model, data, max_length=8)

    answer = api(world.owner).post(ESTIMATE, spec, "application/json")

    problem = assert_problem(answer, 422)
    assert problem["errors"][0]["loc"] == ["dataset"]


def test_only_training_of_what_is_there_is_estimated(api: Api, world: World) -> None:
    client = api(world.owner)
    problem = assert_problem(client.post(ESTIMATE, world.merge(), "application/json"), 422)
    assert problem["errors"][0]["loc"] == ["kind"]
    with world.scope():
        coming = world.job("merge", JobState.RUNNING)
    spec = world.train(model=f"job:{coming.id}")

    problem = assert_problem(client.post(ESTIMATE, spec, "application/json"), 422)

    assert problem["errors"][0]["loc"] == ["model"]
    assert "still being made" in problem["errors"][0]["msg"]


def test_another_organisations_model_is_an_unknown_one(
    api: Api, world: World, model: ModelVersion, data: Dataset, charlie: Principal
) -> None:
    answer = api(charlie).post(ESTIMATE, spec_of(model, data), "application/json")

    faults = assert_problem(answer, 422)["errors"]
    assert [fault["loc"] for fault in faults] == [["model"], ["dataset"]]


def test_the_form_tells_it(
    world: World, browser: Client, model: ModelVersion, data: Dataset
) -> None:
    fields = train_fields(world, model=str(model.id), dataset=str(data.id))

    answer = browser.post("/jobs/new/train/", fields | {"do": "estimate"})

    page = answer.content.decode()
    assert answer.status_code == 200, page
    assert "steps on this machine" in page and "gradients and optimiser" in page
    assert not Job.objects.exists()


def test_the_form_says_why_there_is_no_estimate(world: World, browser: Client) -> None:
    answer = browser.post("/jobs/new/train/", train_fields(world) | {"do": "estimate"})

    assert answer.status_code == 422
    assert "It has no training rows." in answer.content.decode()
