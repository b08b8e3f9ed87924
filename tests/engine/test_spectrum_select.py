import json
from dataclasses import replace

import pytest

from alloyengine.checkpoint import TensorInfo
from alloyengine.errors import InputError
from alloyengine.spectrum.files import ratios_json, read_patterns, read_ratios, unfrozen_yaml
from alloyengine.spectrum.memory import bytes_of, fits_in
from alloyengine.spectrum.modules import Module, Scored, modules_of
from alloyengine.spectrum.select import (
    near_the_border,
    select,
    select_named,
    select_within,
    snr_report,
)

# mlp.down_proj of SmolLM-135M, layer 0 to 29, as the paper's authors publish it.
SMOLLM = [
    *(0.3481, 0.1739, 0.2220, 0.2430, 0.2340, 0.1969, 0.2075, 0.2027, 0.1783, 0.2017),
    *(0.1370, 0.1370, 0.1397, 0.0848, 0.1044, 0.1077, 0.0886, 0.1020, 0.1391, 0.1575),
    *(0.1542, 0.1315, 0.1301, 0.1901, 0.2379, 0.2370, 0.2233, 0.2480, 0.2759, 0.1646),
]


def scored(kind: str, ratios: list[float]) -> list[Scored]:
    return [Scored(module(f"model.layers.{n}.{kind}", kind, n), r) for n, r in enumerate(ratios)]


def module(name: str, kind: str, layer: int, shape: tuple[int, ...] = (4, 4)) -> Module:
    return Module(name, kind, layer, f"{name}.weight", shape)


def layers(chosen: list[Scored]) -> list[int]:
    return [item.module.layer for item in chosen]


def test_smollm_at_25_percent_trains_the_seven_best_layers():
    assert layers(select(scored("mlp.down_proj", SMOLLM), 25)) == [0, 28, 27, 3, 24, 25, 4]


@pytest.mark.parametrize(("percent", "count"), [(1, 0), (4, 1), (33.3, 9), (50, 15), (100, 30)])
def test_the_share_is_rounded_down(percent: float, count: int):
    assert len(select(scored("mlp.down_proj", SMOLLM), percent)) == count


def test_every_type_is_ranked_by_itself():
    mixed = scored("a", [9.0, 8.0, 7.0, 6.0]) + scored("b", [0.1, 0.2, 0.3, 0.4])
    assert [item.module.name for item in select(mixed, 25)] == [
        "model.layers.0.a",
        "model.layers.3.b",
    ]


def test_equal_ratios_keep_the_order_of_the_layers():
    assert layers(select(scored("a", [1.0, 2.0, 1.0, 2.0]), 75)) == [1, 3, 0]


def test_modules_are_found_by_name_whatever_the_layers_are_called():
    matrix, vector = TensorInfo((4, 4), "F32"), TensorInfo((4,), "F32")
    tensors = [
        ("model.embed_tokens.weight", matrix),
        ("transformer.h.10.attn.c_attn.weight", matrix),
        ("transformer.h.2.attn.c_attn.weight", matrix),
        ("transformer.h.2.ln_1.weight", vector),
        ("transformer.h.2.attn.c_attn.bias", matrix),
        ("model.layers.3.mlp.experts.7.w1.weight", matrix),
    ]
    assert modules_of(tensors) == [
        module("transformer.h.2.attn.c_attn", "attn.c_attn", 2),
        module("model.layers.3.mlp.experts.7.w1", "mlp.experts.7.w1", 3),
        module("transformer.h.10.attn.c_attn", "attn.c_attn", 10),
    ]


def test_stacked_experts_are_one_module():
    tensors = [
        ("model.layers.0.mlp.experts.gate_up_proj", TensorInfo((8, 4, 6), "BF16")),
        ("model.layers.0.conv.weight", TensorInfo((8, 1, 3), "F32")),  # no experts
    ]
    (found,) = modules_of(tensors)
    assert (found.name, found.tensor) == (tensors[0][0], tensors[0][0])
    assert (found.type, found.matrices, found.numel) == ("mlp.experts.gate_up_proj", 8, 192)


def test_the_report_is_a_map_of_layer_by_type():
    ratios = scored("a", [1.0, 2.0]) + scored("b", [4.0, 3.0])
    report = snr_report(ratios, select(ratios, 50), 50)
    assert (report["percent"], report["types"], report["layers"]) == (50, ["a", "b"], 2)
    assert report["rows"][1] == {
        "module": "model.layers.1.a", "type": "a", "layer": 1, "snr": 2.0, "selected": True,
    }  # fmt: skip
    assert [row["selected"] for row in report["rows"]] == [False, True, True, False]


def test_the_yaml_lists_head_and_embeddings_first_and_then_each_type():
    chosen = select(scored("mlp.down_proj", [1.0, 3.0]), 50)
    text = unfrozen_yaml(chosen, ["lm_head.weight", "model.embed_tokens.weight"])
    assert "# mlp.down_proj layers\n- model.layers.1.mlp.down_proj\n" in text
    assert read_patterns(text) == [
        "^lm_head.weight$",
        "^model.embed_tokens.weight$",
        "model.layers.1.mlp.down_proj",
    ]


def test_what_the_yaml_lists_selects_the_same_modules():
    ratios = scored("mlp.down_proj", [1.0, 3.0] * 6)
    chosen = select(ratios, 50)
    named = select_named([item.module for item in ratios], read_patterns(unfrozen_yaml(chosen, [])))
    assert {m.layer for m in named} == {item.module.layer for item in chosen}


@pytest.mark.parametrize("patterns", [["nowhere"], ["^model.embed_tokens.weight$", "nowhere"]])
def test_a_list_that_names_no_module_is_refused(patterns: list[str]):
    with pytest.raises(InputError, match=r"no module of the model matches .*(nowhere|others)"):
        select_named([item.module for item in scored("a", [1.0])], patterns)


def test_a_pattern_that_is_none_is_named():
    with pytest.raises(InputError, match=r"'\(' is no regular expression"):
        select_named([item.module for item in scored("a", [1.0])], ["("])


@pytest.mark.parametrize(
    "text", ["unfrozen_parameters: 5", "[]", "other: [a]", "a: &a [*a]", "[1]"]
)
def test_a_file_without_a_list_is_refused(text: str):
    with pytest.raises(InputError, match="unfrozen_parameters"):
        read_patterns(text)


def test_the_json_has_the_scripts_shape_and_is_read_again():
    ratios = scored("a", [1.5, 0.25])
    text = ratios_json(ratios)
    assert json.loads(text)["model.layers.0.a"] == {"snr": 1.5, "type": "a"}
    assert read_ratios(text, [item.module for item in ratios]) == ratios


def test_the_scripts_infinity_is_the_best_and_its_nan_is_nothing():
    """Neither is JSON, but that is what its files have: matrices without noise, or without data."""
    modules = [item.module for item in scored("a", [0.0] * 4)]
    entries = zip(modules, ("2.0", "Infinity", "NaN", "3.0"), strict=True)
    text = ",".join(f'"{m.name}": {{"snr": {snr}, "type": "a"}}' for m, snr in entries)
    read = read_ratios("{" + text + "}", modules)
    assert layers(select(read, 67)) == [1, 3]
    report = snr_report(read, select(read, 67), 67)
    assert [row["snr"] for row in report["rows"]] == [2.0, 3.0, 3.0]  # drawn as the next best


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"a": 1}', '{"a": {"snr": "x"}}', '{"b": {"snr": NaN}}']
)
def test_a_file_without_ratios_is_refused(text: str):
    with pytest.raises(InputError, match="file"):
        read_ratios(text, [item.module for item in scored("a", [1.0])])


def test_only_what_may_be_on_the_wrong_side_is_near_the_border():
    def near(percent: float, doubt: float) -> list[int]:
        ratios = scored("a", [4.0, 3.00001, 3.0, 1.0]) + scored("b", [4.0, 3.0, 2.0, 1.0])
        return layers(near_the_border([replace(r, doubt=doubt) for r in ratios], percent))

    assert near(50, 1e-5) == [1, 2]
    assert near(50, 1e-6) == near(100, 1e-5) == near(50, 0) == []


def test_one_that_is_in_much_doubt_draws_in_whom_it_may_displace():
    ratios = scored("a", [4.0, 3.0, 2.0, 1.0])
    ratios[2] = replace(ratios[2], doubt=0.6)
    ratios[0] = replace(ratios[0], doubt=1e-4)
    ratios[1] = replace(ratios[1], doubt=1e-4)
    assert layers(near_the_border(ratios, 50)) == [1, 2]


def test_a_budget_takes_the_best_of_every_type_until_it_is_full():
    ratios = scored("a", [1.0, 2.0, 3.0, 4.0]) + scored("b", [2.0, 1.0])
    chosen = select_within(ratios, lambda modules: len(modules) <= 3)
    assert [item.module.name for item in chosen] == [
        "model.layers.3.a",
        "model.layers.2.a",
        "model.layers.0.b",
    ]
    assert select_within(ratios, lambda modules: False) == []


def test_a_budget_counts_weights_gradients_and_optimiser():
    tensors = {"embed": TensorInfo((10, 4), "BF16"), "w": TensorInfo((4, 4), "BF16")}
    weights = [module("w", "w", 0)]
    needed = 4 * 56 + 12 * 40 + 12 * 16
    assert fits_in(needed, tensors, ["embed"])(weights)
    assert not fits_in(needed - 1, tensors, ["embed"])(weights)


@pytest.mark.parametrize(
    ("words", "size"), [("6GB", 6e9), ("1.5 gib", 1.5 * 2**30), ("12MB", 12e6)]
)
def test_sizes_are_read(words: str, size: float):
    assert bytes_of(words) == size


@pytest.mark.parametrize("words", ["6", "GB", "-1GB", "6 G", "1e3GB"])
def test_what_is_no_size_is_refused(words: str):
    with pytest.raises(InputError, match="is no size"):
        bytes_of(words)
