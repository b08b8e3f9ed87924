"""What may be searched, and the way from a point to a recipe."""

from typing import Any

import pytest
from pydantic import ValidationError

from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.job import job_spec
from alloyengine.spec.space import put_back, recipe_at, size, start_of
from tests.engine.evolving import RECIPE, spec_of


def faults(**changes: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        spec_of(**changes)
    return str(refused.value)


def with_weight(value: Any) -> dict[str, Any]:
    models = [{"model": "first", "parameters": {"weight": value}}, RECIPE["models"][1]]
    return RECIPE | {"models": models}


def test_ranges_in_the_recipe_are_taken_out():
    spec = spec_of(with_weight({"low": 0.2, "high": 0.8, "start": 0.7}))
    assert spec.recipe.models[0].parameters == {"weight": 0.7}
    assert spec.search[0].at == ["models", 0, "parameters", "weight"]
    assert (spec.search[0].low, spec.search[0].high) == (0.2, 0.8)
    assert spec.recipe.models[1].parameters == {"weight": 0.5}


def test_a_spec_written_out_is_the_same_spec():
    spec = spec_of()
    assert job_spec.validate_json(spec.model_dump_json()) == spec


def test_what_was_given_is_left_as_it_was():
    given = {"recipe": with_weight({"low": 0, "high": 1}), "tasks": [{"dataset": "d"}]}
    EvolveSpec.model_validate(given)
    assert given["recipe"]["models"][0]["parameters"] == {"weight": {"low": 0, "high": 1}}


def test_a_point_becomes_a_recipe():
    spec = spec_of()
    made = recipe_at(spec.recipe, spec.search, [0.25, 1.0])
    assert [m.parameters["weight"] for m in made.models] == [0.25, 1.0]
    assert recipe_at(spec.recipe, spec.search, start_of(spec.recipe, spec.search)) == spec.recipe


def test_a_range_may_be_a_gradient_over_the_layers():
    spec = spec_of(with_weight({"low": 0, "high": 2, "points": 3}))
    assert size(spec.search) == 4
    assert spec.recipe.models[0].parameters["weight"] == [1.0, 1.0, 1.0]
    made = recipe_at(spec.recipe, spec.search, [0, 0.5, 1, 0])
    assert made.models[0].parameters["weight"] == [0.0, 1.0, 2.0]


def test_filters_and_slices_have_ranges():
    t = [{"filter": "mlp", "value": {"low": 0, "high": 1}}, {"value": 0.5}]
    sources = [{"model": m, "layer_range": [0, 2]} for m in ("base", "first")]
    recipe = {
        "merge_method": "slerp",
        "base_model": "base",
        "slices": [{"sources": sources, "parameters": {"t": t}}],
    }
    spec = spec_of(recipe)
    assert [item.where for item in spec.search] == ["slices.0.parameters.t.0.value"]
    made = recipe_at(spec.recipe, spec.search, [0.75])
    assert made.slices[0].model_dump()["parameters"]["t"][0]["value"] == 0.75


def test_a_range_by_powers():
    recipe = {
        "merge_method": "nearswap",
        "base_model": "base",
        "models": [{"model": "first"}],
        "parameters": {"t": {"low": 1e-5, "high": 1e-1, "scale": "log"}},
    }
    spec = spec_of(recipe)
    assert spec.recipe.parameters["t"] == pytest.approx(1e-3)
    assert recipe_at(spec.recipe, spec.search, [0.25]).parameters["t"] == pytest.approx(1e-4)


def test_numbers_are_short_and_stay_within_their_range():
    spec = spec_of(with_weight({"low": 0.1, "high": 0.7}))
    made = recipe_at(spec.recipe, spec.search, [1 / 3, 1.0])
    assert made.models[0].parameters["weight"] == 0.3
    assert recipe_at(spec.recipe, spec.search, [1, 1]).models[0].parameters["weight"] == 0.7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": with_weight(0.5) | {"models": [{"model": "first"}]}}, "nothing to search"),
        ({"recipe": with_weight({"low": 1, "high": 0})}, "range 1 to 0 is upside down"),
        ({"recipe": with_weight({"low": 1, "high": 1})}, "range 1 to 1 is empty"),
        ({"recipe": with_weight({"low": 0, "hgih": 1})}, "hgih"),
        ({"recipe": with_weight({"low": 0, "high": 1, "start": 3})}, "begins at 3, outside 0 to 1"),
        ({"recipe": with_weight({"low": 0, "high": 1, "scale": "log"})}, "no logarithm"),
        ({"budget": {"evaluations": 0}}, "greater than or equal to 1"),
        ({"budget": {"minutes": 0}}, "greater than 0"),
        ({"budget": {"evaluations": None}}, "nothing would end the search"),
        ({"tasks": []}, "at least 1 item"),
        ({"aim": "front"}, "front is of two tasks or more"),
        ({"budgte": {}}, "budgte"),
        ({"search": [{"at": ["seed", "x"], "low": 0, "high": 1}]}, "no parameter at seed.x"),
    ],
)
def test_what_can_not_be_searched_is_refused(changes: dict[str, Any], words: str):
    assert words in faults(**changes)


def test_more_numbers_than_can_be_searched_are_refused():
    place = {"low": 0, "high": 1, "points": 64}
    models = [{"model": f"m{n}", "parameters": {"weight": place}} for n in range(16)]
    assert "1024 numbers are too many" in faults(recipe=RECIPE | {"models": models})


def test_a_number_has_one_range():
    place = {"at": ["models", 0, "parameters", "weight"], "low": 0, "high": 1}
    assert "models.0.parameters.weight has two ranges" in faults(search=[place])


def test_a_range_beyond_what_the_method_allows_is_refused():
    recipe = RECIPE | {
        "merge_method": "ties",
        "parameters": {"weight": 0.5, "density": {"low": 0.5, "high": 2, "start": 1}},
    }
    assert "density 2 is too large" in faults(recipe=recipe)


def test_a_flag_is_no_number():
    recipe = RECIPE | {"parameters": {"normalize": True}}
    search = [{"at": ["parameters", "normalize"], "low": 0, "high": 1}]
    assert "begins with a number" in faults(recipe=recipe, search=search)


def test_its_inputs_are_models_and_datasets():
    spec = spec_of(tasks=[{"dataset": "d", "report": "r"}])
    found = {(ref.kind, ref.reference) for ref in spec.inputs()}
    models = {("model", name) for name in ("base", "first", "second")}
    assert found == models | {("dataset", "d"), ("dataset", "r")}


@pytest.mark.parametrize(
    "value",
    [
        {"low": 0, "high": 1},
        {"low": 0, "high": 1, "start": 0.25},
        {"low": 1e-6, "high": 1, "scale": "log", "start": 1e-3},
        {"low": 0, "high": 1, "points": 3, "start": [0.1, 0.2, 0.3]},
    ],
)
def test_ranges_are_put_back_where_they_stood(value: dict[str, Any]):
    recipe = {
        "merge_method": "linear",
        "models": [{"model": "a", "parameters": {"weight": value}}, {"model": "b"}],
        "parameters": {"weight": 0.5},
    }
    first = EvolveSpec.model_validate({"recipe": recipe, "tasks": [{"dataset": "d"}]})
    written = put_back(first.recipe.model_dump(mode="json"), first.search)

    assert written["models"][0]["parameters"]["weight"]["high"] == 1
    assert EvolveSpec.model_validate({"recipe": written, "tasks": [{"dataset": "d"}]}) == first
