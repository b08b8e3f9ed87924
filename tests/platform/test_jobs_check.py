"""Everything that a job spec can be refused for, with its place and its remedy."""

from typing import Any
from uuid import uuid4

import pytest

from alloyworks.accounts.principal import Principal
from alloyworks.jobs.models import JobState
from tests.platform import nobodys
from tests.platform.world import World

Spec = dict[str, Any]
MODEL = ("model",)
DATASET = ("dataset",)
SET = ("test_sets", 0, "dataset")


@pytest.fixture
def theirs(charlie: Principal) -> World:
    return World(charlie)


@pytest.mark.parametrize("kind", ["train", "merge", "evaluate", "evolve", "moe"])
def test_the_specs_of_these_tests_are_right(world: World, kind: str) -> None:
    assert world.faults(world.spec(kind)) == {}


class TestForm:
    """What pydantic finds."""

    @pytest.mark.parametrize(
        ("spec", "loc", "msg", "remedy"),
        [
            (
                {},
                ("kind",),
                "kind is missing.",
                "Use 'evaluate' or 'evolve' or 'merge' or 'moe' or 'train'.",
            ),
            ({"kind": "bake"}, ("kind",), "There is no kind 'bake'.", None),
            ([], (), "a list is not an object.", None),
            (None, (), "null is not an object.", None),
            ({"kind": "merge"}, ("recipe",), "recipe is missing.", "Add it."),
        ],
    )
    def test_a_spec_that_is_none(
        self, world: World, spec: Any, loc: tuple[str, ...], msg: str, remedy: str | None
    ) -> None:
        found = world.faults(spec)

        assert list(found) == [loc]
        assert found[loc][0] == msg
        assert remedy in (None, found[loc][1])

    @pytest.mark.parametrize(
        ("change", "loc", "msg", "remedy"),
        [
            ({"model": ""}, MODEL, "model is empty.", "Fill it in."),
            ({"model": 5}, MODEL, "5 is not a text.", None),
            ({"model": "x" * 1025}, MODEL, "model is longer than 1024 characters.", None),
            ({"epochs": 0}, ("epochs",), "0 is too small.", "Use more than 0."),
            ({"epochs": "many"}, ("epochs",), "'many' is not a number.", None),
            ({"epochs": 1e999}, ("epochs",), "inf is not a finite number.", None),
            ({"seed": -1}, ("seed",), "-1 is too small.", "Use at least 0."),
            ({"seed": 2**32}, ("seed",), "4294967296 is too large.", "Use less than 4294967296."),
            ({"max_steps": 1.5}, ("max_steps",), "1.5 is not a whole number.", None),
            ({"max_steps": 10**7}, ("max_steps",), None, "Use at most 1000000."),
            (
                {"objective": "ppo"},
                ("objective", "method"),
                "There is no method 'ppo'.",
                "Use 'cpt' or 'distill' or 'dpo' or 'sft'.",
            ),
            ({"name": "x" * 121}, ("name",), None, "Shorten it."),
            ({"name": "a\nb"}, ("name",), None, "Remove them."),
            ({"tuning": {}}, ("tuning", "method"), "method is missing.", None),
            (
                {"tuning": {"method": "prefix"}},
                ("tuning", "method"),
                "There is no method 'prefix'.",
                "Use 'full' or 'lora' or 'qlora' or 'spectrum'.",
            ),
            ({"tuning": 3}, ("tuning",), "3 is not an object.", None),
            (
                {"tuning": {"method": "spectrum", "percent": 101}},
                ("tuning", "percent"),
                "101 is too large.",
                "Use at most 100.",
            ),
            ({"epoch": 3}, ("epoch",), "There is no field 'epoch' here.", "Did you mean 'epochs'?"),
        ],
    )
    def test_a_field_is_wrong(
        self,
        world: World,
        change: Spec,
        loc: tuple[str, ...],
        msg: str | None,
        remedy: str | None,
    ) -> None:
        found = world.faults(world.train(**change))

        assert list(found) == [loc]
        assert msg in (None, found[loc][0])
        assert remedy in (None, found[loc][1])

    def test_a_field_is_missing(self, world: World) -> None:
        spec = world.train()
        del spec["dataset"]

        assert world.faults(spec) == {DATASET: ("dataset is missing.", "Add it.")}

    def test_all_faults_are_told_at_once(self, world: World) -> None:
        spec = world.evaluate(models=[], test_sets=[{"metric": "bleu"}], batch_size="big")

        assert set(world.faults(spec)) == {
            ("models",),
            SET,
            ("test_sets", 0, "metric"),
            ("batch_size",),
        }

    @pytest.mark.parametrize("value", ["x", [], [1, "x"], {"a": 1}, None, [{"filter": "mlp"}]])
    def test_a_parameters_forms_are_told_once(self, world: World, value: Any) -> None:
        place = ("recipe", "models", 0, "parameters", "weight")
        spec = world.merge()
        spec["recipe"]["models"][0]["parameters"] = {"weight": value}

        found = world.faults(spec)

        assert list(found) == [place]
        assert "a list of {filter, value}" in found[place][1]

    def test_endless_faults_end(self, world: World) -> None:
        assert len(world.faults(world.train(**{f"x{i}": 1 for i in range(1000)}))) == 100


class TestReferences:
    @pytest.mark.parametrize("kind", ["train", "merge", "evaluate", "evolve", "moe"])
    def test_another_organisations_things_are_like_unknown_ones(
        self, world: World, theirs: World, kind: str
    ) -> None:
        foreign = world.faults(theirs.spec(kind))
        nobodys = world.faults(
            replaced(theirs.spec(kind), (theirs.base, theirs.tuned, theirs.chats))
        )

        assert set(foreign) == set(nobodys) == places(kind)
        assert [words(fault) for fault in foreign.values()] == [
            words(fault) for fault in nobodys.values()
        ]

    @pytest.mark.parametrize(
        "reference", ["0", "../../etc/passwd", "{brace}", "SmolLM2", "%s", "'; --", "dataset:1"]
    )
    def test_what_is_no_id_is_unknown(self, world: World, reference: str) -> None:
        found = world.faults(world.train(model=reference, dataset=reference))

        assert found == {
            MODEL: (
                f"There is no model {reference!r}.",
                "They are listed at /models/ and by GET /api/v1/models.",
            ),
            DATASET: (
                f"There is no dataset {reference!r}.",
                "They are listed at /datasets/ and by GET /api/v1/datasets.",
            ),
        }

    @pytest.mark.parametrize("form", ["{{{0}}}", "urn:uuid:{0}", " {0}"])
    def test_an_id_is_written_in_one_way(self, world: World, form: str) -> None:
        assert MODEL in world.faults(world.train(model=form.format(world.base.id)))

    def test_a_dataset_is_no_model(self, world: World) -> None:
        spec = world.train(model=str(world.chats.id), dataset=str(world.base.id))

        assert set(world.faults(spec)) == {MODEL, DATASET}

    @pytest.mark.parametrize("text", ["", "7", nobodys.ID])
    def test_a_job_that_there_is_not(self, world: World, text: str) -> None:
        found = world.faults(world.train(model=f"job:{text}"))

        assert found == {
            MODEL: (
                f"There is no job {text!r}.",
                "They are listed at /jobs/ and by GET /api/v1/jobs.",
            )
        }

    def test_another_organisations_job_is_an_unknown_one(self, world: World, theirs: World) -> None:
        with theirs.scope():
            job = theirs.job()

        assert world.faults(world.train(model=f"job:{job.id}"))[MODEL][0] == (
            f"There is no job '{job.id}'."
        )

    def test_a_job_that_makes_no_model(self, world: World) -> None:
        with world.scope():
            job = world.job("evaluate")

        msg, remedy = world.faults(world.train(model=f"job:{job.id}"))[MODEL]

        assert msg == "The job 'evaluate job' makes no model: its kind is evaluate."
        assert remedy == "Use a job that makes one: train, merge, evolve or moe."

    @pytest.mark.parametrize(
        ("state", "ended"), [(JobState.FAILED, "failed"), (JobState.CANCELLED, "was cancelled")]
    )
    def test_a_job_that_ended_without_a_model(
        self, world: World, state: JobState, ended: str
    ) -> None:
        with world.scope():
            job = world.job(state=state)

        found = world.faults(world.evaluate(f"job:{job.id}"))

        assert found == {
            ("models", 0): (
                f"The job 'train job' {ended}, so there is no model of it.",
                "Retry that job first, or use another model.",
            )
        }

    def test_a_job_whose_model_was_deleted(self, world: World) -> None:
        with world.scope():
            job = world.job(state=JobState.SUCCEEDED)

        msg, _ = world.faults(world.evaluate(f"job:{job.id}"))[("models", 0)]

        assert msg == "The model of the job 'train job' was deleted."

    def test_a_dataset_can_not_be_a_job(self, world: World) -> None:
        with world.scope():
            job = world.job()

        assert DATASET in world.faults(world.train(dataset=f"job:{job.id}"))


def replaced(spec: Spec, rows: Any) -> Spec:
    """With ids that nobody has in place of these rows' ids."""
    known = {str(row.id): str(uuid4()) for row in rows}

    def change(value: Any) -> Any:
        match value:
            case str():
                return known.get(value, value)
            case dict():
                return {key: change(item) for key, item in value.items()}
            case list():
                return [change(item) for item in value]
        return value

    return change(spec)


def places(kind: str) -> set[tuple[str | int, ...]]:
    return {
        "train": {MODEL, DATASET},
        "merge": {("recipe", "models", 0, "model"), ("recipe", "models", 1, "model")},
        "moe": {
            ("recipe", "base_model"),
            ("recipe", "experts", 0, "source_model"),
            ("recipe", "experts", 1, "source_model"),
        },
        "evaluate": {("models", 0), SET},
        "evolve": {
            ("recipe", "models", 0, "model"),
            ("recipe", "models", 1, "model"),
            ("tasks", 0, "dataset"),
        },
    }[kind]


def words(fault: tuple[str, str]) -> tuple[str, str]:
    """Without the id."""
    msg, remedy = fault
    return msg.partition("'")[0], remedy
