"""The config of a sparse model, from that of the dense base."""

from typing import Any

from alloyengine.merge.members import Member
from alloyengine.moe.kinds import DEFAULTS, Kind
from alloyengine.spec.moe import MoeRecipe

_OF_THE_DENSE = ("architectures", "model_type", "auto_map", "mlp_bias", "pretraining_tp")
_ROPE = "rope_theta"


def config_of(recipe: MoeRecipe, base: Member, kind: Kind, inner: int) -> dict[str, Any]:
    """What the base's config leaves unsaid is said: the two architectures take other things for
    granted. `inner`: rows of an expert's first matrices.
    """
    dense = dict(base.model.config)
    shared = len(recipe.shared_experts)
    numbers = {
        "<experts>": len(recipe.experts),
        "<per token>": recipe.experts_per_token,
        "<shared>": shared,
        "<inner>": inner,
        "<shared inner>": inner * shared,
        "<heads>": dense.get("num_attention_heads"),
        "<attention scale>": _head_dim(dense) ** -0.5,
    }
    unsaid = dict(DEFAULTS.get(str(dense["model_type"]), {}))
    theta = unsaid.pop(_ROPE, None)
    config = {**kind.unsaid, **unsaid, **dense, **kind.config}
    if config.get("num_key_value_heads") is None:
        config["num_key_value_heads"] = "<heads>"
    if theta is not None:
        config = _with_theta(config, theta)
    filled = {
        name: numbers.get(value, value) if isinstance(value, str) else value
        for name, value in config.items()
        if name not in _OF_THE_DENSE
    }
    return {"architectures": [kind.class_name], "model_type": kind.name, **filled}


def _head_dim(dense: dict[str, Any]) -> float:
    """1 where the config does not say: then nobody asks."""
    if said := dense.get("head_dim"):
        return float(said)
    heads, width = dense.get("num_attention_heads"), dense.get("hidden_size")
    return width / heads if heads and width else 1.0


def _with_theta(config: dict[str, Any], theta: float) -> dict[str, Any]:
    """transformers writes the base of the rotation into `rope_parameters`, or wrote it beside it."""
    rope = config.get("rope_parameters")
    if _ROPE in config or (isinstance(rope, dict) and _ROPE in rope):
        return config
    if isinstance(rope, dict):
        return config | {"rope_parameters": {**rope, _ROPE: theta}}
    return config | {_ROPE: theta}
