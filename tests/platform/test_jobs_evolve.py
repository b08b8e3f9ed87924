"""Evolutions on the platform: checked, run, and their result registered."""

from typing import Any

import pytest

from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Evaluation, ModelVersion
from alloyworks.jobs import submission
from alloyworks.jobs.models import JobState
from alloyworks.storage import objects
from alloyworks.tenancy import scope
from tests.platform.runner_calls import FACTS, fresh, launched, runner_of, uploaded
from tests.platform.world import World

RECIPE = {"merge_method": "linear", "models": [{"model": "m", "parameters": {"weight": 0.5}}]}
WEIGHT = ["models", 0, "parameters", "weight"]
SPEC: dict[str, Any] = {
    "kind": "evolve",
    "recipe": RECIPE,
    "search": [{"at": WEIGHT, "low": 0, "high": 1}],
    "tasks": [{"dataset": "d"}],
}
SCORE = {"dataset": "d", "metric": "exact_match", "value": 0.9, "examples": 4}
RESULT = {
    "kind": "evolve",
    "facts": FACTS,
    "recipe": RECIPE,
    "evaluations": 20,
    "generations": 3,
    "score": 0.95,
    "scores": [SCORE | {"model": name} for name in ("result", "start", "m")],
}


class TestChecked:
    def test_ranges_in_the_recipe_are_stored_as_a_search(self, world: World) -> None:
        with world.scope():
            job = submission.submit(world.owner, world.evolve())
            assert job.spec["search"][0]["at"] == ["parameters", "weight"]
            assert job.spec["recipe"]["parameters"] == {"weight": 0.5}
            assert {entry.reference for entry in job.inputs.all()} == {
                str(world.base.id), str(world.tuned.id), str(world.chats.id),
            }  # fmt: skip

    def test_a_nameless_one_gets_a_name(self, world: World) -> None:
        with world.scope():
            job = submission.submit(world.owner, world.evolve(name=""))
        assert job.name == "Evolved merge of 2 models"

    def test_there_must_be_a_range(self, world: World) -> None:
        found = world.faults(world.evolve(recipe=world.merge()["recipe"]))
        assert found["search",][0] == "there is no range, so there is nothing to search."

    @pytest.mark.parametrize(
        ("change", "loc", "msg"),
        [
            ({"budget": {"evaluations": 0}}, ("budget", "evaluations"), "0 is too small."),
            ({"tasks": []}, ("tasks",), "tasks has too few entries."),
            ({"populaton": 9}, ("populaton",), "There is no field 'populaton' here."),
        ],
    )
    def test_a_field_is_wrong(
        self, world: World, change: dict[str, Any], loc: tuple[str, ...], msg: str
    ) -> None:
        assert world.faults(world.evolve() | change)[loc][0] == msg

    def test_a_range_is_upside_down(self, world: World) -> None:
        recipe = world.merge()["recipe"] | {"parameters": {"weight": {"low": 1, "high": 0}}}
        found = world.faults(world.evolve(recipe=recipe))
        assert found["search", 0, "high"][0] == "the range 1 to 0 is upside down."

    def test_models_of_two_shapes_are_refused_as_in_a_merge(self, world: World) -> None:
        with world.scope():
            other = world.model(hidden_size=999)
        weight = {"low": 0, "high": 1}
        models = [{"model": str(m.id)} for m in (world.base, other)]
        recipe = {"merge_method": "linear", "models": models, "parameters": {"weight": weight}}
        assert any(
            loc[:2] == ("recipe", "models") for loc in world.faults(world.evolve(recipe=recipe))
        )

    def test_test_sets_must_have_answers_and_rows(self, world: World) -> None:
        with world.scope():
            text, empty = world.dataset("text"), world.dataset("chat", test_rows=0)
        tasks = [{"dataset": str(text.id)}, {"dataset": str(empty.id)}]
        found = world.faults(world.evolve(*tasks))
        assert set(found) == {("tasks", 0, "dataset"), ("tasks", 1, "dataset")}

    def test_what_is_searched_by_is_not_reported_on(self, world: World) -> None:
        same = str(world.chats.id)
        found = world.faults(world.evolve({"dataset": same, "report": same}))
        assert "searched by and reported on" in found["tasks", 0, "report"][0]

    def test_its_model_may_be_used_before_it_is_made(self, world: World) -> None:
        with world.scope():
            job = world.job("evolve", JobState.RUNNING)
        assert world.faults(world.train(model=f"job:{job.id}")) == {}


def test_the_winner_becomes_a_version_with_parents_and_scores(alice: Principal) -> None:
    objects.ensure_bucket()
    attempt = launched(alice, SPEC)
    call = runner_of(attempt)
    call("assignment")

    call("finish", {"result": RESULT, "files": [uploaded(call)]})

    assert fresh(attempt).state == "succeeded"
    with scope(alice.organisation.id):
        model = ModelVersion.objects.get(job=attempt.job)
        assert model.origin == "evolve"
        assert [edge.parent.name for edge in model.parent_edges.all()] == ["base"]
        [score] = Evaluation.objects.filter(job=attempt.job)
        assert (score.model_version_id, score.value) == (model.id, 0.9)
