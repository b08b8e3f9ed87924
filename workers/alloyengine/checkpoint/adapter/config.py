"""adapter_config.json: how strong an adapter is, and whether it is of a kind that can be merged."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.adapter.patterns import Patterns
from alloyengine.checkpoint.safety import read_json
from alloyengine.errors import InputError

NAME = "adapter_config.json"
# What each of these does can't be written as B·A added to a weight of the model as it is.
_FOREIGN = {
    "alora_invocation_tokens": "an activated LoRA, which works from some tokens on",
    "arrow_config": "a router of several adapters",
    "kasa_config": "KaSA, which changes the weights themselves",
    "layer_replication": "a model with replicated layers",
    "lora_bias": "a bias of its own",
    "monteclora_config": "MonteCLoRA, which draws its weights at random",
    "target_parameters": "parameters outside of linear layers",
    "trainable_token_indices": "single rows of the embedding",
    "use_bdlora": "block-diagonal factors",
    "use_qalora": "QA-LoRA, which pools its inputs",
}
_STARTS_APART = ("corda", "loftq", "lora_ga", "olora", "pissa")


@dataclass(frozen=True)
class Config:
    rank: int
    alpha: float
    ranks: Patterns
    alphas: Patterns
    rank_stabilised: bool  # arXiv 2312.03732: divides by √r in place of r
    fan_in_fan_out: bool
    base: str  # what the model was called where the adapter was trained

    @classmethod
    def read(cls, folder: Path) -> "Config":
        """InputError when it is malformed, or of a kind that can't be merged."""
        given = read_json(folder / NAME)
        _refuse_foreign(given)
        rank = _number(given, "r")
        if rank != int(rank) or rank < 1:
            raise _wrong("r", rank, "it must be a whole number from 1 on")
        return cls(
            rank=int(rank),
            alpha=_number(given, "lora_alpha"),
            ranks=_patterns(given, "rank_pattern"),
            alphas=_patterns(given, "alpha_pattern"),
            rank_stabilised=given.get("use_rslora") is True,
            fan_in_fan_out=given.get("fan_in_fan_out") is True,
            base=str(given.get("base_model_name_or_path") or ""),
        )

    def rank_of(self, module: str) -> float:
        return self.ranks.find(module, self.rank)

    def scale_of(self, module: str) -> float:
        """The factor before B·A."""
        rank = self.rank_of(module)
        return self.alphas.find(module, self.alpha) / (
            math.sqrt(rank) if self.rank_stabilised else rank
        )


def _refuse_foreign(given: Mapping[str, Any]) -> None:
    if given.get("peft_type") != "LORA":
        raise _unsupported(f"it is of the type {given.get('peft_type')!r}, not LORA")
    for name, what in _FOREIGN.items():
        if given.get(name):
            raise _unsupported(f"{name} is set: {what}")
    start = given.get("init_lora_weights")
    if isinstance(start, str) and start.lower().startswith(_STARTS_APART):
        raise _unsupported(
            f"init_lora_weights is {start!r}: it was trained on a changed copy of the base"
        )


def _unsupported(why: str) -> InputError:
    return InputError(
        "adapter_unsupported",
        f"The adapter can't be merged: {why}.",
        "Merge it into its base with PEFT (merge_and_unload), and use the merged model.",
    )


def _number(given: Mapping[str, Any], name: str) -> float:
    return _finite(name, given.get(name, 8))  # 8 is PEFT's default of both


def _finite(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _wrong(name, value, "it must be a number")
    return float(value)


def _patterns(given: Mapping[str, Any], name: str) -> Patterns:
    found = given.get(name) or {}
    if not isinstance(found, dict):
        raise _wrong(name, found, "it must map modules to numbers")
    numbers = {key: _finite(f"{name} of {key}", value) for key, value in found.items()}
    if name == "rank_pattern" and any(value < 1 for value in numbers.values()):
        raise _wrong(name, min(numbers.values()), "ranks are from 1 on")
    return Patterns.of(name, numbers)


def _wrong(name: str, value: Any, why: str) -> InputError:
    return InputError(
        "adapter_damaged",
        f"{NAME}: {name} is {str(value)[:60]!r}, but {why}.",
        "Save the adapter again.",
    )
