"""The structure of real models, as transformers makes and saves them."""

import pytest

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.structure import Place, Stack, Structure
from tests.engine.zoo import VOCAB, ZOO, specimen

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
LLAMA = (["model.layers:3"], EMBED, HEAD, [])
TIED_LLAMA = (["model.layers:3"], EMBED, None, [])
GPT = (["transformer.h:3"], "transformer.wte.weight", None, [])
FALCON = (["transformer.h:3"], "transformer.word_embeddings.weight", None, [])
SEEING = ["language_model.model.layers:3", "vision_tower.encoder.layers:2"]
SEEN = "language_model.model.embed_tokens.weight"
INPUTS = ("embed_tokens.weight", "embeddings.weight", "embedding.weight", "embed_in.weight")
INPUTS += ("shared.weight", "wte.weight", "transformer.w.weight")

# stacks, embedding, head, what else has a row for every token
EXPECTED = {
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "qwen2_moe": LLAMA,
    "qwen3_moe": LLAMA,
    "mixtral": LLAMA,
    "gpt_oss": LLAMA,
    "deepseek_v3": LLAMA,
    "gemma": TIED_LLAMA,
    "gemma2": TIED_LLAMA,
    "gemma3_text": TIED_LLAMA,
    "phi": (["model.layers:3"], EMBED, HEAD, ["lm_head.bias"]),
    "phi3": LLAMA,
    "gpt2": GPT,
    "gpt2_bare": (["h:3"], "wte.weight", None, []),
    "gpt_neox": (["gpt_neox.layers:3"], "gpt_neox.embed_in.weight", "embed_out.weight", []),
    "gpt_bigcode": GPT,
    "gpt_neo": (["transformer.h:4"], "transformer.wte.weight", None, []),
    "starcoder2": TIED_LLAMA,
    "smollm3": TIED_LLAMA,
    "granite": LLAMA,
    "olmo2": LLAMA,
    "falcon": FALCON,
    "stablelm": LLAMA,
    "cohere": TIED_LLAMA,
    "bloom": FALCON,
    "ctrl": (["transformer.h:3"], "transformer.w.weight", None, ["lm_head.bias"]),
    "rwkv": (["rwkv.blocks:3"], "rwkv.embeddings.weight", "head.weight", []),
    "cohere2": TIED_LLAMA,
    "llama4_text": LLAMA,
    "ernie4_5_moe": TIED_LLAMA,
    "opt": (["model.decoder.layers:3"], "model.decoder.embed_tokens.weight", None, []),
    "mamba": (["backbone.layers:3"], "backbone.embeddings.weight", None, []),
    "mamba2": (["backbone.layers:3"], "backbone.embeddings.weight", HEAD, []),
    "lfm2": TIED_LLAMA,
    "jamba": LLAMA,
    "qwen3_next": LLAMA,
    "nemotron_h": (["backbone.layers:3"], "backbone.embeddings.weight", HEAD, []),
    "bert": (
        ["bert.encoder.layer:3"],
        "bert.embeddings.word_embeddings.weight",
        None,
        ["cls.predictions.bias"],
    ),
    "bert_bare": (["encoder.layer:3"], "embeddings.word_embeddings.weight", None, []),
    "roberta": (
        ["roberta.encoder.layer:3"],
        "roberta.embeddings.word_embeddings.weight",
        None,
        ["lm_head.bias"],
    ),
    "distilbert": (
        ["distilbert.transformer.layer:3"],
        "distilbert.embeddings.word_embeddings.weight",
        None,
        ["vocab_projector.bias"],
    ),
    "modernbert": (
        ["model.layers:3"],
        "model.embeddings.tok_embeddings.weight",
        None,
        ["decoder.bias"],
    ),
    "electra": (
        ["electra.encoder.layer:3"],
        "electra.embeddings.word_embeddings.weight",
        None,
        ["generator_lm_head.bias"],
    ),
    "t5": (["decoder.block:2", "encoder.block:3"], "shared.weight", None, []),
    "t5_encoder": (["encoder.block:3"], "shared.weight", None, []),
    "bart": (
        ["model.decoder.layers:2", "model.encoder.layers:3"],
        "model.shared.weight",
        None,
        ["final_logits_bias"],
    ),
    "whisper": (
        ["model.decoder.layers:2", "model.encoder.layers:3"],
        "model.decoder.embed_tokens.weight",
        None,
        [],
    ),
    "t5gemma": (
        ["model.decoder.layers:2", "model.encoder.layers:3"],
        "model.decoder.embed_tokens.weight",
        None,
        ["model.encoder.embed_tokens.weight"],
    ),
    "encoder_decoder": (
        ["decoder.transformer.h:2", "encoder.encoder.layer:3"],
        "decoder.transformer.wte.weight",
        None,
        ["encoder.embeddings.word_embeddings.weight"],
    ),
    "wav2vec2": (
        ["wav2vec2.encoder.layers:3", "wav2vec2.feature_extractor.conv_layers:2"],
        None,
        None,
        [],
    ),
    "clip": (
        ["text_model.encoder.layers:2", "vision_model.encoder.layers:2"],
        "text_model.embeddings.token_embedding.weight",
        None,
        [],
    ),
    "llava": (SEEING, SEEN, "language_model.lm_head.weight", []),
    "gemma3": (SEEING, SEEN, None, []),
    "idefics3": (
        ["model.text_model.layers:3", "model.vision_model.encoder.layers:2"],
        "model.text_model.embed_tokens.weight",
        HEAD,
        [],
    ),
    "idefics2": (
        [
            "model.text_model.layers:3",
            "model.connector.perceiver_resampler.layers:2",
            "model.vision_model.encoder.layers:2",
        ],
        "model.text_model.embed_tokens.weight",
        HEAD,
        [],
    ),
    "mllama": (  # its head has eight tokens less than its embedding
        [
            "language_model.model.layers:3",
            "vision_model.global_transformer.layers:2",
            "vision_model.transformer.layers:2",
        ],
        SEEN,
        "language_model.lm_head.weight",
        [],
    ),
    "qwen2_5_vl": (["model.layers:3", "visual.blocks:2"], EMBED, HEAD, []),
    "qwen2_audio": (
        ["language_model.model.layers:3", "audio_tower.layers:2"],
        SEEN,
        "language_model.lm_head.weight",
        [],
    ),
}
MODULES = {
    "t5": ("decoder", "encoder"),
    "bart": ("decoder", "encoder"),
    "whisper": ("decoder", "encoder"),
    "t5gemma": ("decoder", "encoder"),
    "encoder_decoder": ("decoder", "encoder"),
    "wav2vec2": ("encoder", "feature_extractor", "feature_projection"),
    "clip": ("text_model", "vision_model"),
    "llava": ("language_model", "vision_tower", "multi_modal_projector"),
    "gemma3": ("language_model", "vision_tower", "multi_modal_projector"),
    "idefics3": ("text_model", "vision_model", "connector"),
    "idefics2": ("text_model", "connector", "vision_model"),
    "mllama": ("language_model", "vision_model"),
    "qwen2_5_vl": ("language_model", "visual"),
    "qwen2_audio": ("language_model", "audio_tower", "multi_modal_projector"),
}


@pytest.mark.parametrize("name", ZOO)
def test_stacks_and_vocabulary_are_found(name):
    stacks, embedding, head, others = EXPECTED[name]
    found = specimen(name).structure
    assert [f"{stack.prefix}:{stack.length}" for stack in found.stacks] == stacks
    assert (found.embedding, found.head) == (embedding, head)
    rows = {embedding, *others} | ({head} if name != "mllama" else set())
    assert set(found.vocabulary()) == rows - {None}
    assert found.found.size == {"mllama": VOCAB + 8, "wav2vec2": None}.get(name, VOCAB)


@pytest.mark.parametrize("name", ZOO)
def test_every_layer_holds_what_its_number_says_and_nothing_numbered_is_left_out(name):
    model = specimen(name)
    places = {tensor: model.structure.place(tensor) for tensor in model.tensors}
    assert all(place.at(place.layer) == tensor for tensor, place in places.items() if place)
    layers = {(place.stack, place.layer) for place in places.values() if place}
    assert layers == {(s, layer) for s in model.structure.stacks for layer in range(s.length)}
    prefixes = tuple(f"{stack.prefix}." for stack in model.structure.stacks)
    assert not [t for t, place in places.items() if not place and t.startswith(prefixes)]


@pytest.mark.parametrize("name", ZOO)
def test_modules_are_the_towers_a_recipe_may_name(name):
    model = specimen(name)
    assert model.structure.modules == MODULES.get(name, ("default",))
    assert {model.structure.module(tensor) for tensor in model.tensors} == set(
        model.structure.modules
    )


@pytest.mark.parametrize("name", ZOO)
def test_embeddings_come_before_the_layers_and_heads_after(name):
    found = specimen(name).structure
    after = {tensor for tensor in found.vocabulary() if found.is_after(tensor)}
    assert after == {tensor for tensor in found.vocabulary() if not tensor.endswith(INPUTS)}
    assert not any(found.is_after(tensor) for tensor in found.tensors if found.place(tensor))


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("llama", [EMBED], [HEAD, "model.norm.weight"]),
        ("lfm2", [EMBED], ["model.embedding_norm.weight"]),
        (
            "bert",
            ["bert.embeddings.LayerNorm.weight", "bert.embeddings.position_embeddings.weight"],
            ["cls.predictions.transform.dense.weight"],
        ),
        (
            "bloom",
            ["transformer.word_embeddings_layernorm.weight"],
            ["transformer.ln_f.weight", "transformer.ln_f.bias"],
        ),
        (
            "bart",
            ["model.decoder.layernorm_embedding.weight", "model.encoder.embed_positions.weight"],
            ["final_logits_bias"],
        ),
        (
            "llava",
            ["vision_tower.pre_layrnorm.weight", "vision_tower.embeddings.patch_embedding.weight"],
            ["vision_tower.post_layernorm.weight", "language_model.model.norm.weight"],
        ),
        ("whisper", ["model.encoder.conv1.weight"], ["model.encoder.layer_norm.weight"]),
    ],
)
def test_what_is_outside_the_layers_comes_before_or_after_them(name, before, after):
    model = specimen(name)
    assert set(before + after) <= set(model.tensors)
    assert [model.structure.is_after(tensor) for tensor in before] == [False] * len(before)
    assert [model.structure.is_after(tensor) for tensor in after] == [True] * len(after)


def test_experts_belong_to_their_layer():
    found = specimen("qwen3_moe").structure
    place = found.place("model.layers.2.mlp.experts.3.up_proj.weight")
    assert place == Place(Stack("model.layers", 3), 2, "mlp.experts.3.up_proj.weight")


def test_the_parts_of_a_t5_block_are_no_layers():
    place = specimen("t5").structure.place("encoder.block.1.layer.0.SelfAttention.q.weight")
    assert place == Place(Stack("encoder.block", 3), 1, "layer.0.SelfAttention.q.weight")


def test_a_bias_of_one_row_counts_tokens_in_its_second_dimension():
    found = specimen("bart").structure
    assert found.vocabulary_axis("final_logits_bias") == 1
    assert found.vocabulary_axis("model.shared.weight") == 0
    assert found.vocabulary_axis("model.decoder.embed_positions.weight") is None


def test_lone_tensors_belong_to_the_main_tower_and_a_projector_to_itself():
    found = specimen("llava").structure
    assert found.module("multi_modal_projector.linear_1.weight") == "multi_modal_projector"
    assert specimen("qwen2_5_vl").structure.module(HEAD) == "language_model"
    assert specimen("t5").structure.module("shared.weight") == "decoder"


def test_a_tied_head_is_known_by_its_absence_or_by_the_config():
    assert specimen("gemma").structure.tied
    assert not specimen("llama").structure.tied
    llama = specimen("llama")
    assert Structure.of(llama.config | {"tie_word_embeddings": True}, llama.tensors).tied


def test_a_structure_is_found_where_there_is_nothing():
    found = Structure.of({}, {})
    assert (found.stacks, found.vocabulary(), found.modules) == ((), (), ("default",))
    assert found.place("model.layers.0.mlp.weight") is None


def test_numbers_of_any_size_in_names_do_no_harm():
    names = ["model.layers.999999999999.a.b", "model.layers.99999.a.b", "1.2.3", "...", ""]
    found = Structure.of(
        {"num_hidden_layers": 100000}, dict.fromkeys(names, TensorInfo((2, 2), "F32"))
    )
    assert found.stacks == ()
