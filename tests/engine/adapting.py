"""Tiny models with LoRA adapters: made and merged by PEFT itself, or written by hand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

from alloyengine.checkpoint import Checkpoint
from alloyengine.checkpoint.adapter import Adapter

disable_progress_bar()


def random_llama() -> LlamaForCausalLM:
    torch.manual_seed(1)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=96, tie_word_embeddings=False, **shape, **heads))


def random_gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(2)
    tokens = {"vocab_size": 96, "bos_token_id": 1, "eos_token_id": 2}
    return GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=64, **tokens))


@dataclass(frozen=True)
class Made:
    """Folders: a model, an adapter of it, and both merged by PEFT."""

    base: Path
    adapter: Path
    merged: Path


def adapted_by_peft(folder: Path, model: Any, **lora: Any) -> Made:
    made = Made(folder / "base", folder / "adapter", folder / "merged")
    model.save_pretrained(made.base)
    tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora))
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    tuned.save_pretrained(made.adapter)
    tuned.merge_and_unload().save_pretrained(made.merged)
    return made


def adapted_by_us(made: Made, rows: int = 7) -> dict[str, np.ndarray]:
    """The merged model's tensors, read through `Adapter` some rows at a time."""
    adapter = Adapter.open(made.adapter)
    with Checkpoint.open(made.base) as model:
        adapter.check(model.tensors)
        return {name: _adapted(model, adapter, name, rows) for name in model.names}


def _adapted(model: Checkpoint, adapter: Adapter, name: str, rows: int) -> np.ndarray:
    info = model.info(name)
    weight = model.window(name, 0, info.numel).reshape(-1, info.shape[-1]).copy()
    for start in range(0, len(weight), rows) if adapter.touches(name) else ():
        block = weight[start : start + rows]
        if adapter.replaces(name):
            block[:] = adapter.replacement(name, start, start + len(block))
        else:
            adapter.adapted(name, start, block, lambda array: array)
    return weight.reshape(info.shape)


def read_all(folder: Path) -> dict[str, np.ndarray]:
    """Every tensor as float32."""
    with Checkpoint.open(folder) as model:
        return {name: model.read(name).float().numpy() for name in model.names}


PREFIX = "base_model.model."
Q = "model.layers.0.self_attn.q_proj"


def write_adapter(
    folder: Path, tensors: Mapping[str, torch.Tensor] | None = None, **config: Any
) -> Path:
    """An adapter of `tiny_llama`; of rank 2 for one module if no tensors are given."""
    if tensors is None:
        tensors = factors(Q)
    folder.mkdir()
    save_file(dict(tensors), folder / "adapter_model.safetensors")
    given = {"peft_type": "LORA", "r": 2, "lora_alpha": 4} | config
    (folder / "adapter_config.json").write_text(json.dumps(given))
    return folder


def factors(
    module: str, rank: int = 2, inputs: int = 32, outputs: int = 32, dtype: Any = torch.float32
) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    return {
        f"{PREFIX}{module}.lora_A.weight": torch.randn(rank, inputs, generator=random).to(dtype),
        f"{PREFIX}{module}.lora_B.weight": torch.randn(outputs, rank, generator=random).to(dtype),
    }
