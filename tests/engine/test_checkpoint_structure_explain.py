"""What stops two models from being merged, in words."""

from typing import Any

import pytest

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.structure import Mismatch, Structure, explain
from tests.engine.zoo import ZOO, specimen

Tensors = dict[str, TensorInfo]
CONFIG: dict[str, Any] = {"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 2}


def llama(tokens: int = 50, width: int = 8, layers: int = 2, dtype: str = "BF16") -> Tensors:
    shapes = {"model.embed_tokens.weight": (tokens, width), "model.norm.weight": (width,)}
    for layer in range(layers):
        shapes[f"model.layers.{layer}.self_attn.q_proj.weight"] = (width, width)
        shapes[f"model.layers.{layer}.mlp.up_proj.weight"] = (16, width)
    shapes["lm_head.weight"] = (tokens, width)
    return {name: TensorInfo(shape, dtype) for name, shape in shapes.items()}


def compare(
    ours: Tensors, theirs: Tensors, config: dict[str, Any] = CONFIG, other: dict[str, Any] = CONFIG
) -> list[Mismatch]:
    a, b = Structure.of(config, ours), Structure.of(other, theirs)
    return explain(a, ours, b, theirs, ("ours", "theirs"))


def without(tensors: Tensors, *names: str) -> Tensors:
    return {name: info for name, info in tensors.items() if name not in names}


@pytest.mark.parametrize("name", ZOO)
def test_nothing_stops_a_model_from_being_merged_with_itself(name):
    model = specimen(name)
    same = model.structure, model.tensors
    assert explain(*same, *same) == []


def test_float_types_may_differ():
    assert compare(llama(), llama(dtype="F32")) == []


def test_integers_and_floats_may_not():
    found = compare(llama(), llama() | {"model.norm.weight": TensorInfo((8,), "I32")})
    assert [(one.kind, one.message) for one in found] == [
        ("dtype", "'model.norm.weight' is BF16 in ours but I32 in theirs.")
    ]


def test_another_vocabulary_is_one_finding():
    [found] = compare(llama(), llama(tokens=53))
    assert (found.kind, found.message) == ("vocabulary", "ours has 50 tokens, theirs 53.")
    assert "tokenizer_source: union" in found.remedy
    assert found.tensors == ("lm_head.weight", "model.embed_tokens.weight")


def test_depth_is_one_finding():
    deep = CONFIG | {"num_hidden_layers": 4}
    [found] = compare(llama(), llama(layers=4), other=deep)
    assert found.kind == "size"
    assert found.message == "ours and theirs are of different size: 2 and 4 layers in model.layers."
    assert "slices" in found.remedy
    assert len(found.tensors) == 4


def test_depth_and_width_are_one_finding():
    large = CONFIG | {"num_hidden_layers": 3, "hidden_size": 12}
    [found] = compare(llama(), llama(width=12, layers=3), other=large)
    assert found.message.endswith("2 and 3 layers in model.layers, hidden_size 8 and 12.")
    assert "slices" not in found.remedy
    assert len(found.tensors) == 3 + 4 + 2


def test_width_and_vocabulary_are_two_findings():
    found = compare(llama(), llama(60, 12), other=CONFIG | {"hidden_size": 12})
    assert [one.kind for one in found] == ["size", "vocabulary"]


def test_a_shape_that_no_size_explains_is_said_of_the_tensor():
    name = "model.norm.weight"
    [found] = compare(llama(), llama() | {name: TensorInfo((9,), "BF16")})
    assert found.message == "'model.norm.weight' is [8] in ours but [9] in theirs."
    assert (found.kind, found.tensors) == ("shape", (name,))


def test_what_one_lacks_in_every_layer_is_one_finding():
    norms = {f"model.layers.{n}.self_attn.q_norm.weight": TensorInfo((4,), "F32") for n in (0, 1)}
    [found] = compare(llama(), llama() | norms)
    assert found.kind == "missing"
    assert found.message == (
        "theirs has 'model.layers.*.self_attn.q_norm.weight' (2 tensors), which ours lacks."
    )
    assert found.tensors == tuple(norms)


def test_a_tensor_that_one_lacks_is_named():
    [found] = compare(llama(), without(llama(), "model.norm.weight"))
    assert found.message == "ours has 'model.norm.weight', which theirs lacks."


def test_a_copy_of_a_tied_head_may_be_left_out():
    tied = CONFIG | {"tie_word_embeddings": True}
    assert compare(llama(), without(llama(), "lm_head.weight"), tied, tied) == []
    assert compare(without(llama(), "lm_head.weight"), llama(), tied, tied) == []


@pytest.mark.parametrize("turned", [False, True])
def test_a_head_of_ones_own_is_no_tied_head(turned):
    tensors = [llama(), without(llama(), "lm_head.weight")]
    [found] = compare(*(reversed(tensors) if turned else tensors))
    assert (found.kind, found.tensors) == ("head", ("lm_head.weight",))


def test_copies_of_the_shared_embedding_may_be_left_out():
    t5 = specimen("t5")
    copies = {
        f"{side}.embed_tokens.weight": t5.tensors["shared.weight"]
        for side in ("encoder", "decoder")
    }
    whole = t5.tensors | copies
    structure = Structure.of(t5.config, whole)
    assert structure.embedding == "shared.weight"
    assert set(structure.vocabulary()) == {"shared.weight", *copies}
    assert explain(t5.structure, t5.tensors, structure, whole) == []


def test_an_encoders_own_embedding_may_not():
    model = specimen("encoder_decoder")
    name = "encoder.embeddings.word_embeddings.weight"
    rest = without(model.tensors, name)
    [found] = explain(model.structure, model.tensors, Structure.of(model.config, rest), rest)
    assert (found.kind, found.tensors) == ("missing", (name,))


@pytest.mark.parametrize(
    ("rest", "shape"),
    [
        ("attn.bias", (1, 1, 64, 64)),
        ("attn.attention.bias", (1, 1, 64, 64)),
        ("attention.bias", (1, 1, 64, 64)),
        ("attn.masked_bias", ()),
        ("attention.rotary_emb.inv_freq", (4,)),
    ],
)
def test_what_models_compute_for_themselves_may_be_left_out(rest, shape):
    gpt2 = specimen("gpt2")
    whole = gpt2.tensors | {f"transformer.h.0.{rest}": TensorInfo(shape, "F32")}
    assert explain(gpt2.structure, gpt2.tensors, Structure.of(gpt2.config, whole), whole) == []


def test_a_bias_of_attention_is_no_mask():
    name = "model.layers.0.attn.bias"
    [found] = compare(llama(), llama() | {name: TensorInfo((8,), "BF16")})
    assert found.tensors == (name,)


def test_models_of_two_architectures_are_one_finding():
    a, b = specimen("llama"), specimen("gpt2")
    [found] = explain(a.structure, a.tensors, b.structure, b.tensors, ("ours", "theirs"))
    assert found.kind == "architecture"
    assert found.message == "ours is of type llama, theirs of type gpt2; few tensors agree."


@pytest.mark.parametrize(("one", "other"), [("gpt2", "gpt2_bare"), ("bert_bare", "bert")])
def test_names_that_begin_otherwise_are_one_finding(one, other):
    a, b = specimen(one), specimen(other)
    [found] = explain(a.structure, a.tensors, b.structure, b.tensors, ("ours", "theirs"))
    assert found.kind == "prefix"
    assert "Save both from the same model class" in found.remedy


def test_experts_in_one_tensor_are_told_from_experts_alone():
    apart = {
        f"model.layers.0.mlp.experts.{n}.up.weight": TensorInfo((4, 8), "BF16") for n in range(3)
    }
    fused = {"model.layers.0.mlp.experts.up": TensorInfo((3, 4, 8), "BF16")}
    found = compare(llama() | apart, llama() | fused)
    assert [one.tensors for one in found] == [tuple(fused), tuple(apart)]
    assert all("one version of transformers" in one.remedy for one in found)
