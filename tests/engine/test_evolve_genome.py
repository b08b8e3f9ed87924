"""The peer's evolve YAML becomes a search of ours."""

from typing import Any

import pytest

from alloyengine.errors import InputError
from alloyengine.evolve.genome import PeerSearch, search_of
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.space import size

METRICS = ("exact_match", "perplexity")


def read(genome: dict[str, Any], **more: Any) -> EvolveSpec:
    values = {"models": ["first", "second"], "merge_method": "linear"}
    raw = {"genome": values | genome, "tasks": ["d"]} | more
    peer = PeerSearch.model_validate(raw)
    return EvolveSpec.model_validate(search_of(peer, lambda _: 4, METRICS))


def test_weights_begin_evenly():
    spec = read({})
    assert [item.where for item in spec.search] == [
        "models.0.parameters.weight",
        "models.1.parameters.weight",
    ]
    assert [m.parameters["weight"] for m in spec.recipe.models] == [0.5, 0.5]
    assert spec.recipe.parameters == {"normalize": True}
    assert spec.recipe.dtype == "bfloat16"


def test_task_vectors_have_densities_and_a_base():
    spec = read({"merge_method": "ties", "base_model": "base"})
    assert size(spec.search) == 4
    assert spec.recipe.base_model == "base"


def test_layers_in_groups_become_slices():
    spec = read({"layer_granularity": 2})
    assert size(spec.search) == 4
    ranges = [source.layer_range for piece in spec.recipe.slices for source in piece.sources]
    assert ranges == [(0, 2), (0, 2), (2, 4), (2, 4)]


def test_smooth_groups_become_gradients():
    spec = read({"layer_granularity": 1, "smooth": True})
    assert size(spec.search) == 8
    assert spec.recipe.models[0].parameters["weight"] == [0.5] * 4


def test_filters_have_numbers_of_their_own():
    spec = read({"filters": ["mlp", "self_attn"]})
    assert size(spec.search) == 6
    told = spec.recipe.model_dump()["models"][0]["parameters"]["weight"]
    assert [item["filter"] for item in told] == ["mlp", "self_attn", None]


def test_negative_weights_are_searched_where_they_are_allowed():
    assert {item.low for item in read({"allow_negative_weights": True}).search} == {-1}
    assert {item.low for item in read({}).search} == {0}


def test_an_arc_between_two_models():
    spec = read({"merge_method": "slerp", "layer_granularity": 2})
    assert [item.where for item in spec.search] == [
        "slices.0.parameters.t",
        "slices.1.parameters.t",
    ]
    assert spec.recipe.base_model == "first"


def test_tasks_have_weights_and_a_limit():
    tasks = [{"name": "d", "weight": 2}, {"name": "e", "metric": "exact_match,none"}]
    spec = read({}, tasks=tasks, limit=50)
    assert [(t.dataset, t.weight, t.sample) for t in spec.tasks] == [("d", 2, 50), ("e", 1, 50)]


def test_a_random_beginning_is_always_the_same():
    one, two = read({}, random_init=True), read({}, random_init=True)
    assert one == two != read({})


@pytest.mark.parametrize(
    ("genome", "more", "words"),
    [
        ({"layer_granularity": 3}, {}, "layer_granularity 3 does not divide the 4 layers"),
        ({"merge_method": "ties"}, {}, "ties needs base_model"),
        ({"merge_method": "slerp", "models": ["a", "b", "c"]}, {}, "between two models, not 3"),
        ({"merge_method": "slerp", "smooth": True}, {}, "neither smooth nor filters"),
        ({}, {"num_fewshot": 5}, "num_fewshot"),
        ({}, {"tasks": [{"name": "d", "metric": "bleu,none"}]}, "no metric 'bleu'"),
    ],
)
def test_what_has_no_counterpart_is_refused(
    genome: dict[str, Any], more: dict[str, Any], words: str
):
    with pytest.raises(InputError, match=words):
        read(genome, **more)
