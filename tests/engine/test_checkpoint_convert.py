"""A tiny GGUF, written as llama.cpp writes them, becomes the model that it was made of."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from alloyengine.checkpoint import Checkpoint, facts
from alloyengine.checkpoint.convert import convert_gguf
from alloyengine.errors import InputError
from tests.engine.tiny import CHAT_TEMPLATE, HEADS, HIDDEN, INTER, tiny_tensors

WORDS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "ab", "Ġ", "Ġa"]
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def tensors() -> dict[str, torch.Tensor]:
    """Of two layers, in values that bfloat16 holds exactly."""
    found = {name: tensor.bfloat16().float() for name, tensor in tiny_tensors(seed=1).items()}
    embeddings = "model.embed_tokens.weight"
    return found | {embeddings: found[embeddings][: len(WORDS)].contiguous()}


def llama_cpp_name(name: str) -> str:
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name.replace("model.layers.", "blk.")


def interleaved(name: str, values: np.ndarray) -> np.ndarray:
    """llama.cpp keeps the halves of each rotary pair side by side."""
    if "q_proj" not in name and "k_proj" not in name:
        return values
    heads = values.reshape(HEADS, 2, HIDDEN // HEADS // 2, HIDDEN)
    return heads.swapaxes(1, 2).reshape(values.shape)


@pytest.fixture
def small_gguf(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(2)
    writer.add_feed_forward_length(INTER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(WORDS))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(WORDS)
    writer.add_token_types([3, 3, 3, 1, 1, 1, 1, 1])
    writer.add_token_merges(["a b", "Ġ a"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(CHAT_TEMPLATE)
    for name, tensor in tensors().items():
        writer.add_tensor(llama_cpp_name(name), interleaved(name, tensor.numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_becomes_the_model_that_it_was_made_of(small_gguf: Path, tmp_path: Path):
    convert_gguf(small_gguf, tmp_path / "out")

    with Checkpoint.open(tmp_path / "out") as model:
        assert set(model.names) == set(tensors())
        for name, tensor in tensors().items():
            assert torch.equal(model.read(name).float(), tensor), name
    found = facts(tmp_path / "out")
    assert (found.architecture, found.dtype, found.context) == ("LlamaForCausalLM", "bfloat16", 512)


def test_the_tokenizer_and_the_chat_template_come_along(small_gguf: Path, tmp_path: Path):
    convert_gguf(small_gguf, tmp_path / "out")

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")

    asked = [{"role": "user", "content": "ab a"}]
    assert tokenizer("ab a", add_special_tokens=False).input_ids == [5, 7]
    assert tokenizer.apply_chat_template(asked, tokenize=False) == (
        "<|im_start|>user\nab a<|im_end|>\n"
    )


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF\3\0\0\0" + b"\xff" * 16, b"PK" * 100])
def test_what_is_no_gguf_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "broken.gguf").write_bytes(content)

    with pytest.raises(InputError, match=r"broken\.gguf can't be converted"):
        convert_gguf(tmp_path / "broken.gguf", tmp_path / "out")
