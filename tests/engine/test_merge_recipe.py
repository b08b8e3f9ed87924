import pytest
import yaml

from alloyengine.errors import InputError
from alloyengine.merge.recipe import parse, parse_stages

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


def test_a_recipe_of_the_field_is_read_unchanged():
    recipe = parse(TASK)
    assert (recipe.merge_method, recipe.base_model, recipe.dtype) == (
        "task_arithmetic",
        "base",
        "bfloat16",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("merge_method: linaer\nmodels: [{model: a}]", r"merge_method: 'linaer'.*mean 'linear'"),
        ("merge_method: linear\nmodles: []", r"modles: there is no such field.*mean 'modules'"),
        ("merge_method: linear\nmodels: [{modle: a}]", r"models\.0\.mod"),
        ("merge_method: slerp\nmodels: [{model: a}]", "slerp needs base_model"),
        ("merge_method: linear\nmodels: [{model: a}]\nslice: []", "slice: .*mean 'slices'"),
        ("merge_method: linear", "one of models, slices and modules"),
        (
            "{merge_method: linear, models: [{model: a}], modules: {x: {models: [{model: a}]}}}",
            "not models and modules",
        ),
        (
            "{merge_method: [{value: teis}], base_model: b, models: [{model: a}]}",
            r"merge_method\.0\.value: 'teis' is not known\. Did you mean 'ties'",
        ),
        ("{merge_method: slerp, base_model: a, models: [{model: a}]}", "exactly 1 model beside"),
        ("{merge_method: model_stock, base_model: a, models: [{model: b}]}", "2 or more models"),
        ("{merge_method: passthrough, models: [{model: a}, {model: b}]}", "exactly 1 model, not 2"),
        ("{merge_method: linear, models: [{model: a}], dtype: int4}", "dtype: 'int4' is not known"),
        ("a: &x [1]\nb: *x", "aliases are not allowed, line 2"),
        ("dtype: float32\ndtype: float16", "dtype is there twice, line 1"),
        ("[" * 5000, "not valid YAML"),
        ("!!python/object/apply:os.getcwd []", "not valid YAML"),
        ("? [a]\n: b", "not valid YAML"),
        ("just words", "not a mapping"),
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
        parse(text)


def test_yaml_written_by_the_spec_reads_back():
    recipe = parse(TASK)
    assert parse(yaml.safe_dump(recipe.model_dump(mode="json"))) == recipe


SLICES = """
merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 24]}]
  - sources: [{model: b, layer_range: [8, 32], parameters: {scale: 0.5}}]
"""


def test_slices_name_their_models():
    recipe = parse(SLICES)
    assert [reference for _, reference in recipe.references()] == ["a", "b"]
    assert recipe.slices[1].sources[0].layer_range == (8, 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[8, 32]", "[8, 8]"), r"slices\.1\.sources\.0\.layer_range|holds no layer"),
        (("[8, 32]", "[-1, 3]"), r"slices\.1\.sources\.0\.layer_range\.0"),
        (("[{model: a, layer_range: [0, 24]}]", "[]"), r"slices\.0\.sources"),
        (
            ("[{model: a,", "[{model: c, layer_range: [0, 3]}, {model: a,"),
            "layers|exactly 1 model",
        ),
    ],
)
def test_broken_slices_say_where(change: tuple[str, str], message: str):
    with pytest.raises(InputError, match=message):
        parse(SLICES.replace(*change))


def test_a_model_may_be_written_as_a_mapping():
    text = "{merge_method: linear, models: [{model: {model: {path: a, revision: r}, lora: l}}]}"
    assert parse(text).models[0].model == "a@r+l"


STAGES = """
name: second
merge_method: linear
models: [{model: first}, {model: c}]
---
name: first
merge_method: linear
models: [{model: a}, {model: b}]
---
merge_method: slerp
base_model: second
models: [{model: first}]
parameters: {t: 0.5}
"""


def test_stages_are_made_in_the_order_of_their_needs():
    stages, final = parse_stages(STAGES)
    assert [stage.name for stage in stages] == ["first", "second"]
    assert final.merge_method == "slerp"


def test_the_result_is_the_document_that_nobody_uses():
    stages, final = parse_stages(
        STAGES.replace("merge_method: slerp", "name: x\nmerge_method: slerp")
    )
    assert (len(stages), final.name) == (2, "x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("{model: a}", "{model: second}"), "need each other"),
        (("name: first", "name: second"), "the same name"),
        (("name: second\n", ""), "2 documents could be the result"),
    ],
)
def test_stages_that_make_no_sense_are_refused(change: tuple[str, str], message: str):
    with pytest.raises(InputError, match=message):
        parse_stages(STAGES.replace(*change))
