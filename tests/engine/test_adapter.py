"""Adapters read by numpy give the weights that PEFT itself makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alloyengine.checkpoint import Checkpoint, TensorInfo
from alloyengine.checkpoint.adapter import Adapter
from tests.engine.adapting import (
    PREFIX,
    Q,
    adapted_by_peft,
    adapted_by_us,
    factors,
    random_gpt2,
    random_llama,
    read_all,
    write_adapter,
)

LINEAR = ["q_proj", "k_proj", "o_proj", "up_proj", "down_proj"]
KINDS: dict[str, dict[str, Any]] = {
    "two modules": {"target_modules": ["q_proj", "v_proj"]},
    "every linear layer": {"target_modules": "all-linear", "r": 4, "lora_alpha": 32},
    "rank-stabilised": {"target_modules": LINEAR, "r": 4, "lora_alpha": 3, "use_rslora": True},
    "dora": {"target_modules": LINEAR, "use_dora": True},
    "embedding": {"target_modules": ["embed_tokens", "q_proj"], "r": 3},
    "saved modules": {"target_modules": LINEAR, "modules_to_save": ["embed_tokens", "lm_head"]},
    "saved norms": {"target_modules": ["q_proj"], "modules_to_save": ["input_layernorm", "norm"]},
    "patterns": {
        "target_modules": "all-linear",
        "rank_pattern": {"k_proj": 2, "^model.layers.0.self_attn.q_proj": 3, "mlp.*": 5},
        "alpha_pattern": {r"layers\.\d+\.mlp\.up_proj": 2, "layers.1.self_attn.o_proj": 7},
    },
}
GPT2_KINDS: dict[str, dict[str, Any]] = {
    "conv1d": {"target_modules": ["c_attn", "c_fc"]},
    "square conv1d": {"target_modules": ["attn.c_proj"]},
    "embedding and conv1d": {"target_modules": ["wte", "c_proj"]},
    "all biases": {"target_modules": ["c_attn", "mlp.c_proj"], "bias": "all"},
    "biases of its layers": {"target_modules": ["c_attn"], "bias": "lora_only"},
}


def agree(made: Any) -> None:
    ours, theirs = adapted_by_us(made), read_all(made.merged)
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        np.testing.assert_allclose(ours[name], tensor, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_llama_becomes_what_peft_makes_of_it(tmp_path: Path, kind: str) -> None:
    made = adapted_by_peft(tmp_path, random_llama(), **KINDS[kind])
    assert any((read_all(made.base)[n] != t).any() for n, t in read_all(made.merged).items())
    agree(made)


@pytest.mark.parametrize("kind", GPT2_KINDS)
def test_a_gpt2_becomes_what_peft_makes_of_it(tmp_path: Path, kind: str) -> None:
    agree(adapted_by_peft(tmp_path, random_gpt2(), **GPT2_KINDS[kind]))


def test_tied_embeddings_that_were_saved_twice_are_one(tmp_path: Path, llama: Path) -> None:
    names = (f"{PREFIX}model.embed_tokens.weight", f"{PREFIX}lm_head.weight")
    saved = torch.randn(320, 32)
    adapter = Adapter.open(write_adapter(tmp_path / "both", {n: saved.clone() for n in names}))
    with Checkpoint.open(llama) as model:
        adapter.check(model.tensors)
    rows = adapter.replacement("model.embed_tokens.weight", 5, 9)
    np.testing.assert_array_equal(rows, saved[5:9].numpy())


def test_rows_are_the_same_however_they_are_cut(tmp_path: Path) -> None:
    adapter = Adapter.open(write_adapter(tmp_path / "adapter"))
    whole = adapter.rows(f"{Q}.weight", 0, 32)
    pieces = [adapter.rows(f"{Q}.weight", row, row + 4) for row in range(0, 32, 4)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_read_exactly(tmp_path: Path, dtype: torch.dtype) -> None:
    made = factors(Q, dtype=dtype)
    adapter = Adapter.open(write_adapter(tmp_path / "adapter", made))
    a, b = (tensor.double() for tensor in made.values())
    np.testing.assert_allclose(adapter.rows(f"{Q}.weight", 0, 32), 2 * b @ a, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("theirs", "ours"), [("model.", ""), ("", "model."), ("a.b.", "model.")])
def test_a_model_whose_names_begin_otherwise_is_found(
    tmp_path: Path, theirs: str, ours: str
) -> None:
    parts = factors(f"{theirs}layers.0.self_attn.q_proj")
    adapter = Adapter.open(write_adapter(tmp_path / "adapter", parts))
    names = (f"{ours}layers.{layer}.self_attn.q_proj.weight" for layer in range(3))
    adapter.check({name: TensorInfo((32, 32), "F32") for name in names})
    assert adapter.touches(f"{ours}layers.0.self_attn.q_proj.weight")
    assert not adapter.touches(f"{ours}layers.1.self_attn.q_proj.weight")


def test_opening_and_reading_needs_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    adapter = write_adapter(tmp_path / "adapter")
    code = (
        "import sys, pathlib; from alloyengine.checkpoint.adapter import Adapter\n"
        f"a = Adapter.open(pathlib.Path({str(adapter)!r})); a.rows({Q + '.weight'!r}, 0, 4)\n"
        "assert not {'torch', 'peft', 'transformers'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
