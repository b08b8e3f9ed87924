"""Small models of real shapes for comparing results: matrices and vectors, fp32.

The values are multiples of a small power of two, chosen so that every change to the base is exact
in fp32 and no two changes of a tensor are equally large. So "the largest half" is the same half for
everybody, and whatever differs between two results is arithmetic. A sixth of the changes are zero.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from bench.models import CORPUS, companions, tokenizer
from bench.tensors import Float32, Shape, write

VOCABULARY = 300
STEP, NORM_STEP = 2.0**-27, 2.0**-23  # exact beside values of up to 1/8, and up to 2
UNTOUCHED = 1 / 6
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """Models that can be merged: a base, models tuned from it, and how they are built."""

    name: str
    hidden: int
    inner: int
    keys: int
    kind: str = "llama"
    tied: bool = False
    layers: int = 2

    def shapes(self, vocabulary: int = VOCABULARY) -> dict[str, Shape]:
        shapes: dict[str, Shape] = {"model.embed_tokens.weight": (vocabulary, self.hidden)}
        for layer in range(self.layers):
            shapes |= {f"model.layers.{layer}.{n}": shape for n, shape in self._layer().items()}
        shapes["model.norm.weight"] = (self.hidden,)
        return shapes if self.tied else shapes | {"lm_head.weight": (vocabulary, self.hidden)}

    def _layer(self) -> dict[str, Shape]:
        hidden, keys, inner = self.hidden, self.keys, self.inner
        layer: dict[str, Shape] = {
            "input_layernorm.weight": (hidden,),
            "self_attn.q_proj.weight": (hidden, hidden),
            "self_attn.k_proj.weight": (keys, hidden),
            "self_attn.v_proj.weight": (keys, hidden),
            "self_attn.o_proj.weight": (hidden, hidden),
            "post_attention_layernorm.weight": (hidden,),
            "mlp.gate_proj.weight": (inner, hidden),
            "mlp.up_proj.weight": (inner, hidden),
            "mlp.down_proj.weight": (hidden, inner),
        }
        if self.kind == "qwen2":
            sizes = {"q": hidden, "k": keys, "v": keys}
            layer |= {f"self_attn.{name}_proj.bias": (size,) for name, size in sizes.items()}
        return layer

    def config(self, vocabulary: int, dtype: str) -> dict[str, Any]:
        architectures = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}
        return {
            "architectures": [architectures[self.kind]],
            "model_type": self.kind,
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 4 * self.keys // self.hidden,
            "vocab_size": vocabulary,
            "max_position_embeddings": 512,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": self.tied,
            "dtype": {"F32": "float32", "BF16": "bfloat16"}[dtype],
            "bos_token_id": 1,
            "eos_token_id": 2,
        }


LLAMA = Family("llama", 64, 171, 32)
QWEN = Family("qwen", 96, 200, 48, kind="qwen2", tied=True)
LARGE = Family("large", 512, 4608, 128, layers=1)  # matrices of 2.4 million entries
NAMES = ("a", "b", "c")
OTHER = ["Zürich liegt am See.", "the theory of the thing", "that then there"]


class World:
    """The models on disk, each family made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rooms = count()

    def families(self, dtype: str = "F32") -> dict[str, dict[str, Path]]:
        """The folders by their short names, of every family; llamas come with more relatives."""
        made = {family.name: self.made(family, dtype) for family in (LLAMA, QWEN, LARGE)}
        made[LLAMA.name] |= self._relatives()
        return made

    def room(self) -> Path:
        """A new folder's path."""
        return self.folder / f"room-{next(self._rooms)}"

    def made(self, family: Family, dtype: str) -> dict[str, Path]:
        paths = {n: self.folder / f"{family.name}-{dtype}-{n}" for n in ("base", *NAMES)}
        if not all(path.exists() for path in paths.values()):
            for name, tensors in weights(family.shapes()).items():
                _write(paths[name], family, tokenizer(CORPUS, VOCABULARY), tensors, dtype)
        return paths

    def _relatives(self) -> dict[str, Path]:
        paths = {name: self.folder / name for name in ("wide", "other", "lora")}
        if not paths["wide"].exists():
            wide = tokenizer(CORPUS, VOCABULARY)
            wide.add_special_tokens(["<|user|>", "<|bot|>"])
            for name, words, seed in (("wide", wide, 1), ("other", tokenizer(OTHER, 290), 2)):
                values = weights(LLAMA.shapes(words.get_vocab_size()), seed)["a"]
                _write(paths[name], LLAMA, words, values, "F32")
            _write_adapter(paths["lora"], LLAMA)
        return paths


def _write(
    folder: Path, family: Family, words: Tokenizer, tensors: Mapping[str, Float32], dtype: str
) -> None:
    folder.mkdir()
    companions(folder, family.config(words.get_vocab_size(), dtype), words)
    write(folder / "model.safetensors", tensors, dtype)


def _write_adapter(folder: Path, family: Family, rank: int = 4) -> None:
    """A LoRA adapter of some of the matrices, in PEFT's format."""
    random, targets = np.random.default_rng(3), ("q_proj", "v_proj", "down_proj")
    tensors: dict[str, Float32] = {}
    for name, shape in family.shapes().items():
        if any(f"{target}.weight" in name for target in targets):
            stem = f"base_model.model.{name.removesuffix('.weight')}"
            for part, size in (("lora_A", (rank, shape[1])), ("lora_B", (shape[0], rank))):
                tensors[f"{stem}.{part}.weight"] = random.normal(0, 0.05, size).astype(np.float32)
    folder.mkdir()
    write(folder / "adapter_model.safetensors", tensors)
    settings = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 8}
    modules = {"target_modules": list(targets), "base_model_name_or_path": None}
    (folder / "adapter_config.json").write_text(json.dumps(settings | modules))


def weights(shapes: Mapping[str, Shape], seed: int = 0) -> dict[str, dict[str, Float32]]:
    values: dict[str, dict[str, Float32]] = {name: {} for name in ("base", *NAMES)}
    for number, (name, shape) in enumerate(shapes.items()):
        made = _tensor(np.random.default_rng((7, number, seed)), shape)
        for model, tensor in zip(values, made, strict=True):
            values[model][name] = tensor
    return values


def _tensor(random: np.random.Generator, shape: Shape) -> list[Float32]:
    step, centre = (NORM_STEP, 1.0) if len(shape) == 1 else (STEP, 0.0)
    size = prod(shape)
    base = np.clip(random.normal(0, 0.02, size), -0.1, 0.1) + centre
    base = np.round(base / step) * step
    shared = random.normal(0, 1, size)
    tuned = [base + step * _change(random, shared) for _ in NAMES]
    return [values.reshape(shape).astype(np.float32) for values in (base, *tuned)]


def _change(random: np.random.Generator, shared: Floats) -> Floats:
    """Whole numbers, no two of the same size but for the zeros, spread as 0.7 × normal is."""
    wanted = 0.7 * shared + 0.7 * random.normal(0, 1, shared.size)
    biggest = 900_000
    sizes = np.abs(wanted) / np.abs(wanted).max() * biggest
    distinct = np.round(sizes[np.argsort(sizes)]) + np.arange(shared.size)
    change = np.empty(shared.size)
    change[np.argsort(sizes)] = distinct + 1
    change *= np.where(random.random(shared.size) < UNTOUCHED, 0, np.sign(wanted))
    return change
