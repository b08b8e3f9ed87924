from pathlib import Path

import pytest

from alloyengine.errors import InputError
from alloyengine.merge.declare import Settings
from alloyengine.merge.lineup import lineup
from alloyengine.merge.methods import METHODS
from alloyengine.merge.parameters import check_given, method_for, settings_for
from alloyengine.merge.recipe import parse
from alloyengine.merge.run import open_members
from tests.engine.tiny import tiny_llama

NORM, HEAD = "model.norm.weight", "model.embed_tokens.weight"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny_llama(folder / name, seed, 5) for seed, name in enumerate("abc")}


def layer(number: int, name: str = "mlp.up_proj") -> str:
    return f"model.layers.{number}.{name}.weight"


def settings(text: str, models: dict[str, Path], tensor: str) -> Settings:
    recipe = parse(text)
    with open_members(recipe.references(), models) as members:
        line = next(line for line in lineup(recipe, members).lines if line.tensor == tensor)
    method = METHODS[method_for(line.method, tensor)]
    roles = [role for role in line.roles if role.reference != recipe.base_model]
    has_base = line.base is not None
    return settings_for(
        line, method, [line.base, *roles] if line.base else roles, has_base, recipe.seed
    )


TASK = """
merge_method: task_arithmetic
base_model: a
models:
  - model: a
  - {model: b, parameters: {weight: 0.7}}
  - {model: c, parameters: {weight: [0, 1]}}
parameters: {normalize: true, lambda: 0.9}
"""


def test_the_base_needs_no_weight_and_gets_none(models: dict[str, Path]):
    found = settings(TASK, models, layer(2))
    assert (found.shared["lambda"], found.shared["normalize"]) == (0.9, 1.0)
    assert found.own[0] == {}
    assert found.each("weight") == [0.7, 0.5]


@pytest.mark.parametrize(("number", "expected"), [(0, 0), (1, 0.25), (4, 1)])
def test_a_gradient_runs_over_the_layers(models: dict[str, Path], number: int, expected: float):
    assert settings(TASK, models, layer(number)).each("weight")[1] == expected


@pytest.mark.parametrize("tensor", [NORM, HEAD])
def test_tensors_outside_layers_stand_at_the_gradients_start(models: dict[str, Path], tensor: str):
    assert settings(TASK, models, tensor).each("weight")[1] == 0


@pytest.mark.parametrize(("tensor", "expected"), [(NORM, 1), (HEAD, 0)])
def test_a_gradient_can_reach_what_comes_after_the_layers(
    models: dict[str, Path], tensor: str, expected: float
):
    text = f"{TASK}\ngradients_reach_head: true"
    assert settings(text, models, tensor).each("weight")[1] == expected


FILTERS = """
merge_method: slerp
base_model: a
models: [{model: a}, {model: b}]
parameters:
  t:
    - {filter: self_attn, value: [0, 0.5, 1]}
    - {filter: mlp, value: 0.3}
    - {filter: "*", value: 0.5}
"""


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [(layer(2, "self_attn.q_proj"), 0.5), (layer(2), 0.3), (NORM, 0.5)],
)
def test_the_first_filter_that_fits_wins(models: dict[str, Path], tensor: str, expected: float):
    assert settings(FILTERS, models, tensor).shared["t"] == expected


SCOPES = """
merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 2], parameters: {weight: 1}}
      - {model: b, layer_range: [0, 2]}
      - {model: c, layer_range: [0, 2], parameters: {weight: [{filter: nothing, value: 9}]}}
    parameters: {weight: 2}
  - sources: [{model: a, layer_range: [2, 5]}]
parameters: {weight: 3}
"""


def test_the_nearest_place_that_says_something_wins(models: dict[str, Path]):
    assert settings(SCOPES, models, layer(1)).each("weight") == [1, 2, 2]
    assert settings(SCOPES, models, layer(3)).each("weight") == [3]


def test_a_missing_weight_is_named_with_its_model(models: dict[str, Path]):
    text = "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b}]"
    with pytest.raises(InputError, match="weight of b is missing"):
        settings(text, models, NORM)


def test_a_value_out_of_bounds_is_refused(models: dict[str, Path]):
    text = TASK.replace("task_arithmetic", "ties").replace("weight: 0.7", "weight: 1, density: 2")
    with pytest.raises(InputError, match=r"density is 2\.0, outside 0 to 1"):
        settings(text, models, NORM)


def test_a_misspelt_parameter_gets_a_suggestion():
    recipe = parse("merge_method: linear\nmodels: [{model: a, parameters: {wieght: 1}}]")
    with pytest.raises(InputError, match=r"models\.0\.parameters\.wieght.*Did you mean 'weight'"):
        check_given(recipe)


def test_the_seed_gives_every_tensor_its_key(models: dict[str, Path]):
    keys = {settings(TASK, models, layer(number)).key for number in range(5)}
    other = settings(f"{TASK}\nseed: 7", models, layer(0)).key
    assert len(keys | {other}) == 6


METHODS_BY_FILTER = """
merge_method:
  - {filter: self_attn, value: ties}
  - {filter: mlp, value: slerp}
  - {value: linear}
base_model: a
models: [{model: b, parameters: {weight: 1}}]
parameters: {t: 0.5}
"""


@pytest.mark.parametrize(
    ("tensor", "method"),
    [(layer(0, "self_attn.k_proj"), "ties"), (layer(0), "slerp"), (NORM, "linear")],
)
def test_a_filter_chooses_the_method(tensor: str, method: str):
    assert method_for(parse(METHODS_BY_FILTER).merge_method, tensor) == method


def test_a_tensor_that_no_filter_fits_is_named():
    choice = parse(METHODS_BY_FILTER.replace("  - {value: linear}\n", "")).merge_method
    with pytest.raises(InputError, match=r"no filter fits 'model\.norm\.weight'"):
        method_for(choice, NORM)
