"""Configs of rebuilt models: transformers must load them, with nothing missing or left over."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.structure import Stack, Structure, with_layers, with_vocabulary
from alloyengine.errors import InputError
from tests.engine.zoo import ZOO, Specimen, specimen

F32 = "F32"
# Layers 1 and 2 again: what comes in turns (Jamba, Gemma) keeps its turn.
PICKED = {2: [0, 1, 1], 3: [0, 1, 2, 1, 2], 4: [0, 1, 2, 3, 2, 3]}


def rebuild(model: Specimen, stack: Stack, layers: list[int], out: Path) -> Path:
    """Writes the model with these layers in the stack."""
    out.mkdir()
    config = with_layers(model.config, model.structure, stack, layers)
    (out / "config.json").write_text(json.dumps(config))
    tensors = {}
    for name, tensor in load_file(model.path / "model.safetensors").items():
        place = model.structure.place(name)
        if place is None or place.stack != stack:
            tensors[name] = tensor
            continue
        for at, layer in enumerate(layers):
            if layer == place.layer:
                tensors[place.at(at)] = tensor.clone()
    save_file(tensors, out / "model.safetensors", {"format": "pt"})
    return out


def load(model: Specimen, path: Path) -> dict[str, set[Any]]:
    """What transformers finds wrong with the model."""
    import transformers

    model_class = getattr(transformers, model.model_class)
    _, found = model_class.from_pretrained(path, output_loading_info=True)
    return {problem: set(names) for problem, names in found.items() if names}


@pytest.mark.parametrize("name", ZOO)
def test_transformers_loads_a_model_whose_every_stack_was_rebuilt(name, tmp_path):
    model = specimen(name)
    for number, stack in enumerate(model.structure.stacks):
        path = rebuild(model, stack, PICKED[stack.length], tmp_path / str(number))
        assert load(model, path) == {}


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "bart", "llava", "qwen3_moe", "mamba"])
def test_transformers_loads_a_model_of_one_layer(name, tmp_path):
    model = specimen(name)
    path = rebuild(model, model.structure.stacks[0], [1], tmp_path / "one")
    assert load(model, path) == {}


@pytest.mark.parametrize("name", ZOO)
def test_a_stack_rebuilt_from_all_its_layers_leaves_the_config_as_it_was(name):
    model = specimen(name)
    for stack in model.structure.stacks:
        same = with_layers(model.config, model.structure, stack, range(stack.length))
        assert same == model.config


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("gemma2", {"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2}),
        ("smollm3", {"num_hidden_layers": 2, "no_rope_layers": [1, 1]}),
        ("nemotron_h", {"layers_block_type": ["full_attention"] * 2}),
        ("gpt2", {"n_layer": 2}),
        ("distilbert", {"n_layers": 2}),
        ("bart", {"encoder_layers": 3, "decoder_layers": 2}),
        ("t5", {"num_layers": 3, "num_decoder_layers": 2}),
    ],
)
def test_counts_and_what_is_said_layer_by_layer_follow(name, entries):
    model = specimen(name)
    config = with_layers(model.config, model.structure, model.structure.stacks[0], [1, 1])
    assert {key: config[key] for key in entries} == entries
    assert config.keys() == model.config.keys()


@pytest.mark.parametrize("layers", [[-1], []])
def test_a_stack_without_layers_is_refused(layers):
    model = specimen("llama")
    with pytest.raises(InputError, match=r"No layers of model\.layers are left"):
        with_layers(model.config, model.structure, model.structure.stacks[0], layers)


def test_layers_of_a_deeper_model_are_taken_where_all_are_alike():
    llama, gemma = specimen("llama"), specimen("gemma2")
    stack = llama.structure.stacks[0]
    config = with_layers(llama.config, llama.structure, stack, [0, 1, 2, 39])
    assert config == llama.config | {"num_hidden_layers": 4}
    with pytest.raises(InputError, match="layer_types of 3 layers, but not of layer 39"):
        with_layers(gemma.config, gemma.structure, stack, [0, 39])


@pytest.mark.parametrize("name", ["t5", "bart", "t5gemma", "llava"])
def test_stacks_are_rebuilt_one_after_the_other(name):
    model = specimen(name)
    config = model.config
    for stack in model.structure.stacks:
        config = with_layers(config, model.structure, stack, [0])
    again = {name: info for name, info in model.tensors.items() if _is_first(model, name)}
    assert [stack.length for stack in Structure.of(config, again).stacks] == [1, 1]
    assert config.keys() == model.config.keys()


def _is_first(model: Specimen, name: str) -> bool:
    place = model.structure.place(name)
    return place is None or place.layer == 0


def test_a_tower_is_rebuilt_where_the_config_speaks_of_it():
    model = specimen("qwen2_5_vl")
    text, sight = model.structure.stacks
    config = with_layers(model.config, model.structure, sight, [0, 1, 1])
    assert config["vision_config"]["depth"] == 3
    assert config["vision_config"]["fullatt_block_indexes"] == [1, 2]
    assert config["text_config"] == model.config["text_config"]
    assert with_layers(config, model.structure, text, [0])["text_config"]["num_hidden_layers"] == 1


def test_the_config_given_is_not_changed():
    model = specimen("llava")
    before = json.dumps(model.config)
    with_layers(model.config, model.structure, model.structure.stacks[0], [0])
    with_vocabulary(model.config, 7)
    assert json.dumps(model.config) == before


def layered(prefix: str, length: int) -> dict[str, TensorInfo]:
    return {f"{prefix}.{n}.mlp.up.weight": TensorInfo((8, 4), F32) for n in range(length)}


def rebuilt(config: dict[str, Any], layers: list[int], *stacks: dict[str, TensorInfo]) -> Any:
    """The config with these layers in the main stack."""
    found = Structure.of(config, {name: info for stack in stacks for name, info in stack.items()})
    return with_layers(config, found, found.stacks[0], layers)


def test_a_window_of_as_many_layers_as_there_are_stays():
    config = {"num_hidden_layers": 28, "max_window_layers": 28}
    assert rebuilt(config, [0], layered("model.layers", 28)) == config | {"num_hidden_layers": 1}


def test_a_number_of_other_layers_is_no_count():
    config = {"num_hidden_layers": 4, "num_kv_shared_layers": 4, "max_position_embeddings": 4}
    assert rebuilt(config, [0], layered("model.layers", 4)) == config | {"num_hidden_layers": 1}


def test_lists_that_are_not_about_layers_stay():
    config = {"num_hidden_layers": 2, "eos_token_id": [1, 2], "time_step_limit": [0.0, 1.0]}
    assert rebuilt(config, [0], layered("model.layers", 2)) == config | {"num_hidden_layers": 1}


def test_numbers_of_layers_are_numbered_anew():
    config = {"num_hidden_layers": 6, "full_attn_idxs": [2, 5], "mlp_only_layers": [0]}
    config = rebuilt(config, [5, 2, 0, 0], layered("model.layers", 6))
    assert (config["full_attn_idxs"], config["mlp_only_layers"]) == ([0, 1], [2, 3])


@pytest.mark.parametrize("value", [[[["a"], 10**12]], [[["a", "b"], -1]], [[[], 4]], [["a", 4]]])
def test_what_only_looks_like_repeated_patterns_stays(value):
    config = {"num_hidden_layers": 4, "attention_types": value}
    assert rebuilt(config, [0], layered("model.layers", 4)) == config | {"num_hidden_layers": 1}


def test_a_pattern_of_letters_is_picked_from():
    config = {"num_hidden_layers": 4, "hybrid_override_pattern": "M*-M"}
    assert rebuilt(config, [1, 3], layered("b.layers", 4))["hybrid_override_pattern"] == "*M"


def test_an_encoders_count_by_another_name_is_not_the_decoders():
    config = {"num_hidden_layers": 4, "encoder_layers": 4, "decoder_layers": 4}
    both = layered("model.encoder.layers", 4), layered("model.decoder.layers", 4)
    assert rebuilt(config, [0], *both) == config | {"decoder_layers": 1}
    found = Structure.of(config, both[0] | both[1])
    encoder = with_layers(config, found, found.stacks[1], [0])
    assert encoder == {"num_hidden_layers": 1, "encoder_layers": 1, "decoder_layers": 4}


def test_a_decoder_that_borrowed_the_encoders_count_gets_its_own():
    config = {"num_layers": 4}
    both = layered("encoder.block", 4), layered("decoder.block", 4)
    assert rebuilt(config, [0], *both) == {"num_layers": 4, "num_decoder_layers": 1}


def test_a_default_left_unsaid_is_said_in_the_place_of_the_tower():
    config = {"text_config": {"vocab_size": 8}, "vision_config": {"num_hidden_layers": 2}}
    towers = layered("language_model.model.layers", 4), layered("vision_tower.layers", 2)
    config = rebuilt(config, [0], *towers)
    assert config["text_config"] == {"vocab_size": 8, "num_hidden_layers": 1}
    assert config["vision_config"] == {"num_hidden_layers": 2}


def test_a_flat_config_beside_a_tower_counts_the_text():
    config = {"num_hidden_layers": 4, "vision_config": {"depth": 4}}
    config = rebuilt(config, [0], layered("model.layers", 4), layered("visual.blocks", 4))
    assert config == {"num_hidden_layers": 1, "vision_config": {"depth": 4}}


def test_the_first_dense_layers_are_counted_anew():
    config = {"num_hidden_layers": 4, "first_k_dense_replace": 2}
    layers = layered("model.layers", 4)
    assert rebuilt(config, [1, 2, 3], layers)["first_k_dense_replace"] == 1
    with pytest.raises(InputError, match="first_k_dense_replace: 2"):
        rebuilt(config, [2, 1], layers)


def test_a_stack_whose_first_layer_serves_all_begins_with_it():
    model = specimen("t5")
    encoder = model.structure.stacks[1]
    with pytest.raises(InputError, match="relative_attention_bias"):
        with_layers(model.config, model.structure, encoder, [1, 2])
    config = with_layers(model.config, model.structure, encoder, [0, 2])
    assert config["num_layers"] == 2


def test_layers_in_turns_must_keep_their_turn():
    config = {"num_hidden_layers": 4, "attn_layer_period": 2, "attn_layer_offset": 1}
    layers = layered("model.layers", 4)
    assert rebuilt(config, [2, 3], layers)["num_hidden_layers"] == 2
    with pytest.raises(InputError, match="attn_layer_period: 2"):
        rebuilt(config, [0, 2], layers)


def test_a_span_of_layers_with_experts_moves():
    config = {"num_hidden_layers": 4, "moe_layer_start_index": 1, "moe_layer_end_index": -1}
    layers = layered("model.layers", 4)
    config = rebuilt(config, [0, 0, 1, 3], layers)
    assert (config["moe_layer_start_index"], config["moe_layer_end_index"]) == (2, 3)
    with pytest.raises(InputError, match="moe_layer_start_index: 2"):
        rebuilt(config, [2, 0, 3], layers)


def test_layers_spread_over_several_lists_are_refused():
    config = {"n_layers": 3}
    lists = layered("transformer.attentions", 3), layered("transformer.ffns", 3)
    with pytest.raises(InputError, match="n_layers"):
        rebuilt(config, [0], *lists)


def test_an_encoder_leaves_the_decoder_that_borrowed_its_count_as_deep_as_it_was():
    both = layered("encoder.block", 4) | layered("decoder.block", 4)
    found = Structure.of({"num_layers": 4}, both)
    config = with_layers({"num_layers": 4}, found, found.stacks[1], [0])
    assert config == {"num_layers": 1, "num_decoder_layers": 4}


def test_windows_in_turns_are_written_out_once_the_order_is_another():
    config = {"num_hidden_layers": 4, "sliding_window_pattern": 2}
    layers = layered("model.layers", 4)
    assert "layer_types" not in rebuilt(config, [0, 1], layers)
    kinds = rebuilt(config, [1, 0, 2], layers)["layer_types"]
    assert kinds == ["full_attention", "sliding_attention", "sliding_attention"]


def test_layers_that_predict_further_tokens_are_not_counted():
    config = {"num_hidden_layers": 3, "num_nextn_predict_layers": 1}
    found = Structure.of(config, layered("model.layers", 4))
    extra = "model.layers.3.mlp.up.weight"
    assert found.stacks == (Stack("model.layers", 3),)
    assert (found.place(extra), found.is_extra(extra), found.is_after(extra)) == (None, True, True)
    assert not found.is_extra("model.layers.2.mlp.up.weight")


@pytest.mark.parametrize("name", ZOO)
def test_transformers_reads_the_new_vocabulary(name, tmp_path):
    import transformers

    config = with_vocabulary(specimen(name).config, 123)
    (tmp_path / "config.json").write_text(json.dumps(config))
    read = transformers.AutoConfig.from_pretrained(tmp_path)
    assert read.get_text_config().vocab_size == 123


def test_a_vocabulary_is_said_wherever_the_texts_is():
    config = {"vocab_size": 8, "text_config": {"vocab_size": 8}, "audio_config": {"vocab_size": 5}}
    wider = {"vocab_size": 9, "text_config": {"vocab_size": 9}, "audio_config": {"vocab_size": 5}}
    assert with_vocabulary(config, 9) == wider
    assert with_vocabulary({"text_config": {}}, 9) == {"text_config": {"vocab_size": 9}}


def test_the_embedding_is_believed_when_the_config_disagrees():
    tensors = {"model.embed_tokens.weight": TensorInfo((101, 4), F32)}
    tensors |= {
        "lm_head.weight": TensorInfo((101, 4), F32),
        "wpe.weight": TensorInfo((100, 4), F32),
    }
    found = Structure.of({"vocab_size": 100}, tensors)
    assert found.vocabulary() == ("model.embed_tokens.weight", "lm_head.weight")
    assert found.found.size == 101
