import json
from pathlib import Path

import pytest
import yaml

from alloyengine.checkpoint import TensorInfo
from alloyengine.spectrum.files import ratios_json, unfrozen_yaml, write_files
from alloyengine.spectrum.modules import Module, Scored, modules_of
from alloyengine.spectrum.select import select, snr_report

# mlp.down_proj of SmolLM-135M, layer 0 to 29, as the paper's authors publish it.
SMOLLM = [
    *(0.3481, 0.1739, 0.2220, 0.2430, 0.2340, 0.1969, 0.2075, 0.2027, 0.1783, 0.2017),
    *(0.1370, 0.1370, 0.1397, 0.0848, 0.1044, 0.1077, 0.0886, 0.1020, 0.1391, 0.1575),
    *(0.1542, 0.1315, 0.1301, 0.1901, 0.2379, 0.2370, 0.2233, 0.2480, 0.2759, 0.1646),
]


def scored(kind: str, ratios: list[float]) -> list[Scored]:
    return [
        Scored(Module(f"model.layers.{layer}.{kind}", kind, layer), snr)
        for layer, snr in enumerate(ratios)
    ]


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
        Module("transformer.h.2.attn.c_attn", "attn.c_attn", 2),
        Module("model.layers.3.mlp.experts.7.w1", "mlp.experts.7.w1", 3),
        Module("transformer.h.10.attn.c_attn", "attn.c_attn", 10),
    ]


def test_the_report_is_a_map_of_layer_by_type():
    report = snr_report(scored("a", [1.0, 2.0]) + scored("b", [4.0, 3.0]), 50)
    assert (report["percent"], report["types"], report["layers"]) == (50, ["a", "b"], 2)
    assert report["rows"][1] == {
        "module": "model.layers.1.a", "type": "a", "layer": 1, "snr": 2.0, "selected": True,
    }  # fmt: skip
    assert [row["selected"] for row in report["rows"]] == [False, True, True, False]


def test_the_yaml_lists_head_and_embeddings_first_and_then_each_type():
    text = unfrozen_yaml(scored("mlp.down_proj", [1.0, 3.0]), 50)
    assert "# mlp.down_proj layers\n- model.layers.1.mlp.down_proj\n" in text
    assert yaml.safe_load(text)["unfrozen_parameters"] == [
        "^lm_head.weight$",
        "^model.embed_tokens.weight$",
        "model.layers.1.mlp.down_proj",
    ]


def test_the_json_has_the_scripts_shape():
    assert json.loads(ratios_json(scored("a", [1.5]))) == {
        "model.layers.0.a": {"snr": 1.5, "type": "a"}
    }


def test_both_files_are_written_to_a_new_folder(tmp_path: Path):
    for path in write_files(tmp_path / "new" / "folder", scored("a", [1.5, 2.0]), 50):
        assert path.read_text()
