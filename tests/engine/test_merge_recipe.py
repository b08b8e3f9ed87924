import pytest
import yaml

from alloyengine.errors import InputError
from alloyengine.merge.methods import METHODS
from alloyengine.merge.parameters import check_names, settings_for
from alloyengine.merge.recipe import parse

TASK = """
merge_method: task_arithmetic
base_model: base
models:
  - model: base
  - model: a
    parameters: {weight: 0.7}
  - model: b
    parameters: {weight: [0, 1]}
parameters: {normalize: false, lambda: 0.9}
dtype: bfloat16
"""


def settings(text: str, tensor: str, layers: int = 5):
    recipe = parse(text)
    return settings_for(recipe, METHODS[recipe.merge_method], tensor, layers)


def test_a_recipe_of_the_field_is_read_unchanged():
    recipe = parse(TASK)
    assert (recipe.merge_method, recipe.base_model, recipe.dtype) == (
        "task_arithmetic",
        "base",
        "bfloat16",
    )


def test_the_base_needs_no_weight_and_gets_none():
    found = settings(TASK, "model.layers.2.mlp.up_proj.weight")
    assert found.shared == {"lambda": 0.9, "normalize": 0.0}
    assert found.own == ({}, {"weight": 0.7}, {"weight": 0.5})


@pytest.mark.parametrize(("layer", "expected"), [(0, 0), (1, 0.25), (4, 1)])
def test_a_gradient_runs_over_the_layers(layer: int, expected: float):
    assert settings(TASK, f"model.layers.{layer}.x").each("weight")[1] == expected


def test_tensors_outside_layers_stand_at_the_gradients_start():
    assert settings(TASK, "lm_head.weight").each("weight")[1] == 0


def test_the_first_filter_that_fits_wins():
    text = """
merge_method: slerp
base_model: a
models: [{model: a}, {model: b}]
parameters:
  t:
    - {filter: self_attn, value: [0, 0.5, 1]}
    - {filter: mlp, value: 0.3}
    - {value: 0.5}
"""
    found = {
        name: settings(text, f"layers.2.{name}.weight").shared["t"]
        for name in ("self_attn", "mlp", "norm")
    }
    assert found == {"self_attn": 0.5, "mlp": 0.3, "norm": 0.5}


def test_a_models_own_value_goes_before_the_shared_one():
    text = """
merge_method: linear
models: [{model: a, parameters: {weight: 0.9}}, {model: b}]
parameters: {weight: 0.2}
"""
    assert settings(text, "x").each("weight") == [0.9, 0.2]


def test_a_missing_weight_is_named_with_its_place():
    with pytest.raises(InputError, match=r"models\.1\.parameters\.weight: missing"):
        settings(
            "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b}]", "x"
        )


def test_a_misspelt_parameter_gets_a_suggestion():
    recipe = parse("merge_method: linear\nmodels: [{model: a, parameters: {wieght: 1}}]")
    with pytest.raises(InputError, match=r"models\.0\.parameters\.wieght.*Did you mean 'weight'"):
        check_names(recipe, METHODS["linear"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("merge_method: linaer\nmodels: [{model: a}]", r"merge_method: 'linaer'.*mean 'linear'"),
        ("merge_method: linear\nmodles: []", r"models: Field required|modles.*mean 'models'"),
        ("merge_method: linear\nmodels: [{modle: a}]", r"models\.0\.mod"),
        ("merge_method: slerp\nmodels: [{model: a}]", "slerp needs base_model"),
        ("merge_method: linear\nmodels: [{model: a}]\nslices: []", "slices: there is no such"),
        ("a: &x [1]\nb: *x", "aliases are not allowed, line 2"),
        ("dtype: float32\ndtype: float16", "dtype is there twice, line 1"),
        ("[" * 5000, "not valid YAML"),
        ("!!python/object/apply:os.getcwd []", "not valid YAML"),
        ("? [a]\n: b", "not valid YAML"),
        ("just words", "valid dictionary"),
        ("x" * 1_000_001, "longer than"),
        ("\x00", "not valid YAML"),
    ],
)
def test_a_broken_recipe_says_where_and_why(text: str, message: str):
    with pytest.raises(InputError, match=message):
        parse(text)


@pytest.mark.parametrize("value", ["[a, b]", "[{x: 1}]", ".nan", "[{value: x}]", "[]"])
def test_a_senseless_value_is_refused(value: str):
    text = f"merge_method: linear\nmodels: [{{model: a, parameters: {{weight: {value}}}}}]"
    with pytest.raises(InputError, match=r"models\.0\.parameters\.weight"):
        settings(text, "x")


def test_yaml_written_by_the_spec_reads_back():
    recipe = parse(TASK)
    assert parse(yaml.safe_dump(recipe.model_dump(mode="json"))) == recipe
