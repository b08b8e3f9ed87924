"""Tiny dense models of every kind that can become experts, and what a mixture of them must say."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from alloyengine.moe.kinds import Kind
from alloyengine.moe.recipe import parse
from alloyengine.moe.run import Options, run
from alloyengine.report import Reporter, Silent
from alloyengine.spec.moe import MoeSpec
from alloyengine.spec.result import MoeResult
from tests.engine.tiny import VOCAB, tiny_llama

_SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
_MORE: dict[str, dict[str, Any]] = {
    "qwen3": {"head_dim": 8},
    "ernie4_5": {"head_dim": 8},
    "granite": {"attention_multiplier": 0.3, "residual_multiplier": 0.7, "logits_scaling": 2.0},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False},
}
PROMPTS = (["The capital of France is"], ["What is the symbol of gold?"], ["user assistant"])
IDS = torch.tensor([[1, 5, 9, 30, 60, 90, 200, 301], [1, 7, 7, 12, 44, 300, 17, 8]])


def dense(path: Path, kind: str, seed: int) -> Path:
    """A model folder of that kind, its norms and biases no ones and zeros."""
    tokenizer = tiny_llama(path.with_name(f"{path.name}.tokenizer"), seed=0)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(kind, **_SIZES | _MORE.get(kind, {}))
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape) * 0.1)
    model.save_pretrained(path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, path / name)
    shutil.rmtree(tokenizer)
    return path


def family(folder: Path, kind: str) -> dict[str, Path]:
    """A base and two experts, by the names recipes use for them."""
    names = {"base": 1, "first": 2, "second": 3}
    return {name: dense(folder / name, kind, seed) for name, seed in names.items()}


def recipe(*experts: str, **more: Any) -> dict[str, Any]:
    """With prompts unless the routers are random."""
    random = "random" in more.get("gate_mode", "")
    prompts = [{} if random else {"positive_prompts": PROMPTS[i]} for i in range(len(experts))]
    listed = [{"source_model": name, **prompts[i]} for i, name in enumerate(experts)]
    return {"base_model": "base", "experts": listed} | more


def upcycled(
    wanted: dict[str, Any],
    inputs: dict[str, Path],
    out: Path,
    report: Reporter | None = None,
    options: Options = Options(),  # noqa: B008  # it is frozen
) -> MoeResult:
    spec = MoeSpec(recipe=parse(yaml.safe_dump(wanted)))
    return run(spec, inputs, out, report or Silent(), options)


def loaded(path: Path) -> Any:
    """With nothing missing in the file and nothing left over."""
    model, info = AutoModelForCausalLM.from_pretrained(
        path, dtype=torch.float32, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    return model.eval()


def logits_of(model: Any) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(IDS).logits
    return found


def config_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "config.json").read_text())
    return found


class Mixture(torch.nn.Module):
    """What a sparse MLP is, written down plainly: every expert is asked, and the best ones count."""

    def __init__(self, experts: list[Any], router: Tensor, asked: int, kind: Kind) -> None:
        super().__init__()
        self.experts, self.router, self.asked, self.kind = experts, router, asked, kind
        self.shared: Any = None
        self.shared_gate: Tensor | None = None

    def forward(self, states: Tensor) -> Tensor:
        logits = states @ self.router.T
        scores = logits.softmax(-1) if self.kind.scores == "softmax" else logits.sigmoid()
        least = scores.topk(self.asked, dim=-1).values[..., -1:]
        scores = torch.where(scores >= least, scores, 0)
        least = 0 if self.kind.scores == "softmax" else 1e-6
        scores = scores / (scores.sum(-1, keepdim=True) + least)
        answers = torch.stack([expert(states) for expert in self.experts], dim=-1)
        found = (answers * scores[..., None, :]).sum(-1)
        if self.shared is not None:
            own = self.shared(states)
            gate = self.shared_gate
            found = found + (own if gate is None else own * torch.sigmoid(states @ gate.T))
        return found
