"""Models that recipes stumble over: opposed, holding NaN, padded, tied, narrow, of another type."""

import json
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.parity_models import LLAMA, Family, World, weights
from bench.tensors import Float32, read, write

Tensors = dict[str, Float32]
PADDED = 320
NARROW = Family("narrow", 4, 1, 4)  # the rows of down_proj have one element


@cache
def odd_models(world: World) -> dict[str, Path]:
    """Beside the llamas and the qwens (`qwen-a`, `qwen-b`)."""
    llamas, qwens = world.families()["llama"], world.families()["qwen"]
    halves, narrow = world.families("BF16")["llama"], world.made(NARROW, "F32")
    base, a, b = (read(llamas[name]) for name in ("base", "a", "b"))
    made = dict(llamas) | {f"qwen-{name}": qwens[name] for name in ("a", "b")}
    made |= {f"{name}-bf16": halves[name] for name in ("base", "a", "b")}
    made |= {f"narrow-{name}": narrow[name] for name in ("base", "a")}
    different: dict[str, tuple[Tensors, dict[str, Any]]] = {
        "opposite": (_mixed(base, (2, base), (-1, a)), {}),
        "opposed": (_mixed(base, (1, base), (-0.8, a), (0.8, b)), {}),
        "broken": (_with_nan(a), {}),
        "extra": (a | {"model.layers.0.mlp.gate_proj.bias": np.ones(171, np.float32)}, {}),
        "padded": (weights(LLAMA.shapes(PADDED))["a"], {"vocab_size": PADDED}),
        "tied": (_without_head(a), {"tie_word_embeddings": True}),
        "tied-stored": (
            a | {"lm_head.weight": a["model.embed_tokens.weight"]},
            {"tie_word_embeddings": True},
        ),
    }
    for name, (tensors, settings) in different.items():
        made[name] = _copy(llamas["a"], world.folder / name, tensors, settings)
    return made


def _copy(like: Path, folder: Path, tensors: Tensors, settings: Mapping[str, Any]) -> Path:
    shutil.copytree(like, folder)
    write(folder / "model.safetensors", tensors)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | dict(settings)))
    return folder


def _mixed(like: Tensors, *parts: tuple[float, Tensors]) -> Tensors:
    """A sum of models in float64, written as float32."""
    return {
        name: np.sum([w * part[name].astype(np.float64) for w, part in parts], 0).astype(np.float32)
        for name in like
    }


def _with_nan(tensors: Tensors) -> Tensors:
    name = "model.layers.0.self_attn.q_proj.weight"
    spoilt = tensors[name].copy()
    spoilt[0, 0] = np.nan
    return tensors | {name: spoilt}


def _without_head(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name != "lm_head.weight"}
