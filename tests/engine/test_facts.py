"""What is known of a model without reading its weights."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from alloyengine.checkpoint import facts
from alloyengine.checkpoint.facts import adapter_facts
from alloyengine.errors import InputError
from alloyengine.spec.result import ModelFacts, Rope, SpecialToken
from tests.engine.adapting import factors, write_adapter
from tests.engine.tiny import CHAT_TEMPLATE, HEADS, HIDDEN, INTER, VOCAB, tiny_llama


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "model", 1)


def change(folder: Path, name: str, **entries: Any) -> None:
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | entries))


def test_sizes_come_from_the_config(model: Path) -> None:
    found = facts(model)

    assert (found.model_type, found.architecture) == ("llama", "LlamaForCausalLM")
    assert (found.layers, found.hidden_size, found.intermediate_size) == (2, HIDDEN, INTER)
    assert (found.attention_heads, found.key_value_heads) == (HEADS, HEADS)
    assert found.head_dim == HIDDEN // HEADS


def test_embeddings_are_told_apart_from_the_rest(model: Path) -> None:
    found = facts(model)

    assert (found.embedding_rows, found.embedding_parameters) == (VOCAB, VOCAB * HIDDEN)
    assert found.tied_embeddings is True


def test_special_tokens_have_text_and_id(model: Path) -> None:
    found = facts(model).special_tokens

    assert found["bos"] == SpecialToken(text="<|im_start|>", id=1)
    assert found["eos"] == found["pad"] == SpecialToken(text="<|im_end|>", id=2)


def test_a_special_token_without_text_has_the_configs_id(model: Path) -> None:
    (model / "tokenizer_config.json").unlink()
    change(model, "config.json", eos_token_id=[7, 8])

    assert facts(model).special_tokens["eos"] == SpecialToken(text=None, id=7)


def test_the_digest_of_a_vocabulary_does_not_know_the_order_in_the_file(model: Path) -> None:
    before = facts(model).tokenizer
    path = model / "tokenizer.json"
    document = json.loads(path.read_text())
    document["model"]["vocab"] = dict(reversed(document["model"]["vocab"].items()))
    path.write_text(json.dumps(document))

    assert facts(model).tokenizer == before
    assert before is not None and before.tokens > 200


def test_the_digest_of_a_vocabulary_tells_swapped_tokens(model: Path) -> None:
    before = facts(model).tokenizer
    path = model / "tokenizer.json"
    document = json.loads(path.read_text())
    vocab = document["model"]["vocab"]
    a, b = list(vocab)[10:12]
    vocab[a], vocab[b] = vocab[b], vocab[a]
    path.write_text(json.dumps(document))

    assert facts(model).tokenizer != before


@pytest.mark.parametrize("place", ["jinja", "config"])
def test_a_chat_template_is_the_same_wherever_it_stands(model: Path, place: str) -> None:
    before = facts(model).chat_template
    if place == "jinja":
        (model / "chat_template.jinja").write_text(CHAT_TEMPLATE + "\n")
        change(model, "tokenizer_config.json", chat_template="another")
    else:
        named = [{"name": "default", "template": CHAT_TEMPLATE}]
        change(model, "tokenizer_config.json", chat_template=named)

    assert facts(model).chat_template == before is not None


def test_shapes_are_those_of_all_models_of_the_kind(model: Path, tmp_path: Path) -> None:
    same = tiny_llama(tmp_path / "same", 2, dtype=torch.bfloat16)
    deeper = tiny_llama(tmp_path / "deeper", 2, layers=3)

    assert facts(same).shapes == facts(model).shapes != facts(deeper).shapes
    assert facts(same).dtypes == {"bfloat16": 1.0}


@pytest.mark.parametrize(
    ("entries", "rope"),
    [
        ({"rope_theta": 10000.0}, Rope(theta=10000.0)),
        ({"rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}, Rope(theta=5e5)),
        (
            {"rope_theta": 1e6, "rope_scaling": {"type": "yarn", "factor": 4.0}},
            Rope(theta=1e6, scaling="yarn, factor 4"),
        ),
        ({"rope_theta": "big", "rope_scaling": []}, None),
        ({}, None),
    ],
)
def test_rotary_positions(model: Path, entries: dict[str, Any], rope: Rope | None) -> None:
    change(model, "config.json", **entries)

    assert facts(model).rope == rope


@pytest.mark.parametrize(
    ("name", "text", "licence"),
    [
        ("README.md", "---\ntags: [x]\nlicense: apache-2.0\n---\n# A model", "apache-2.0"),
        ("README.md", "---\nlicense: other\nlicense_name: mrl\n---\n", "mrl"),
        ("README.md", "# A model\nlicense: mit", None),
        ("LICENSE", "\n      Apache License\n   Version 2.0", "apache-2.0"),
        ("LICENSE.txt", "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT", "llama3.2"),
        ("LICENSE", "Do what you want.", None),
    ],
)
def test_the_licence_is_that_of_the_card_or_the_text(
    model: Path, name: str, text: str, licence: str | None
) -> None:
    (model / name).write_text(text)

    assert facts(model).licence == licence


def test_quantised_models_are_known(model: Path) -> None:
    change(model, "config.json", quantization_config={"bits": 4})

    assert facts(model).quantised


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokenizer.json", "[" * 100_000),
        ("tokenizer.json", '{"model": {"vocab": {"a": "b"}}}'),
        ("tokenizer.json", '{"model": {"vocab": [[1, 2], 3]}, "added_tokens": [4]}'),
        ("tokenizer_config.json", '{"bos_token": 5, "chat_template": {"a": 1}}'),
        ("README.md", "---\nlicense: " + "x" * 100_000),
    ],
)
def test_a_strange_small_file_is_as_good_as_none(model: Path, name: str, text: str) -> None:
    (model / name).write_text(text)

    found = facts(model)

    assert found.parameters > 0
    assert found.licence is None
    assert (found.tokenizer is None) == (name == "tokenizer.json")


def test_strange_entries_of_a_config_are_not_believed(model: Path) -> None:
    wrong = {"hidden_size": "wide", "head_dim": -1, "rope_theta": 1e308 * 10, "model_type": 5}
    change(model, "config.json", **wrong, max_position_embeddings=True)

    found = facts(model)

    assert (found.hidden_size, found.context, found.model_type) == (None, None, None)


def test_an_adapter_tells_its_rank_and_width(tmp_path: Path) -> None:
    write_adapter(
        tmp_path / "adapter", factors("model.layers.1.mlp.up_proj", 4, HIDDEN, INTER), r=4
    )

    found = adapter_facts(tmp_path / "adapter")

    assert found.adapter is not None and found.adapter.rank == 4
    assert (found.layers, found.hidden_size, found.architecture) == (2, HIDDEN, "LoRA")


def test_an_adapter_of_a_kind_that_can_not_be_merged_is_refused(tmp_path: Path) -> None:
    write_adapter(tmp_path / "adapter", peft_type="IA3")

    with pytest.raises(InputError, match="IA3"):
        adapter_facts(tmp_path / "adapter")


def test_facts_of_an_older_platform_are_still_read() -> None:
    old = {"architecture": "Llama", "parameters": 5, "dtype": "float32", "layers": 2}

    assert ModelFacts.model_validate(old).tokenizer is None
