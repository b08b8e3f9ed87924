"""The sparse architectures that dense models can become, as data.

Only what transformers loads with code of its own. Tensors have the names of the published models of each
architecture, which transformers, vLLM and llama.cpp read; where transformers keeps experts in stacks it
stacks them when it loads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Matrix = Literal["gate", "up", "down"]
MLP: Mapping[Matrix, str] = {
    "gate": "mlp.gate_proj.weight",
    "up": "mlp.up_proj.weight",
    "down": "mlp.down_proj.weight",
}
_LFM: Mapping[Matrix, str] = {
    "gate": "feed_forward.w1.weight",
    "up": "feed_forward.w3.weight",
    "down": "feed_forward.w2.weight",
}


@dataclass(frozen=True)
class Part:
    """A tensor of a layer made of the experts' matrices, which are joined row by row.

    With `{expert}` in its name there is one for each expert; else all of them lie in one stack.
    """

    name: str
    of: tuple[Matrix, ...]


@dataclass(frozen=True)
class Kind:
    """A sparse architecture. Names of tensors are those within a layer."""

    name: str  # transformers' model_type
    class_name: str
    takes: tuple[str, ...]  # model types of dense models
    router: str
    experts: tuple[Part, ...]
    config: Mapping[str, Any]  # what it says more; names in <> stand for numbers
    shared: tuple[Part, ...] = ()  # of the expert that sees every token
    shared_gate: str | None = None  # a router of its own for that one
    needs_shared: bool = False
    unsaid: Mapping[str, Any] = field(default_factory=dict)  # if the dense config has no such entry
    biases: Literal["none", "qkv", "as they are"] = "as they are"  # of the attention
    zeros: Mapping[str, str] = field(default_factory=dict)  # more tensors [1, experts], by type
    scores: Literal["softmax", "sigmoid"] = "softmax"
    mlp: Mapping[Matrix, str] = field(default_factory=lambda: MLP)

    @property
    def takes_shared(self) -> bool:
        return bool(self.shared)


def _alone(prefix: str, gate: str, up: str, down: str) -> tuple[Part, ...]:
    """Each matrix a tensor."""
    return (
        Part(f"{prefix}.{gate}.weight", ("gate",)),
        Part(f"{prefix}.{up}.weight", ("up",)),
        Part(f"{prefix}.{down}.weight", ("down",)),
    )


_PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
_W = ("w1", "w3", "w2")
_QWEN = _alone("mlp.experts.{expert}", *_PROJECTIONS)
_COUNTS = {"num_experts": "<experts>", "num_experts_per_tok": "<per token>"}
_LOCAL = {"num_local_experts": "<experts>", "num_experts_per_tok": "<per token>"}
_EVERY_LAYER = {"decoder_sparse_step": 1, "mlp_only_layers": [], "norm_topk_prob": True}
_INNER = {"intermediate_size": "<inner>"}
_MOE_INNER = {"moe_intermediate_size": "<inner>"}
_GRANITE = {
    "attention_multiplier": "<attention scale>",
    "embedding_multiplier": 1.0,
    "residual_multiplier": 1.0,
    "logits_scaling": 1.0,
}
_GRANITE_EXPERTS = (
    Part("block_sparse_moe.input_linear.weight", ("gate", "up")),
    Part("block_sparse_moe.output_linear.weight", ("down",)),
)

# In the order in which they are tried when the recipe names none.
KINDS: tuple[Kind, ...] = (
    Kind(
        name="mixtral",
        class_name="MixtralForCausalLM",
        takes=("llama", "mistral"),
        router="block_sparse_moe.gate.weight",
        experts=_alone("block_sparse_moe.experts.{expert}", *_W),
        config=_LOCAL | _INNER,
        biases="none",
    ),
    Kind(
        name="qwen3_moe",
        class_name="Qwen3MoeForCausalLM",
        takes=("qwen3",),
        router="mlp.gate.weight",
        experts=_QWEN,
        config=_COUNTS | _MOE_INNER | _EVERY_LAYER,
    ),
    Kind(
        name="qwen2_moe",
        class_name="Qwen2MoeForCausalLM",
        takes=("qwen2", "llama", "mistral"),
        router="mlp.gate.weight",
        experts=_QWEN,
        config=_COUNTS
        | _MOE_INNER
        | _EVERY_LAYER
        | {"shared_expert_intermediate_size": "<shared inner>", "qkv_bias": True},
        shared=_alone("mlp.shared_expert", *_PROJECTIONS),
        shared_gate="mlp.shared_expert_gate.weight",
        needs_shared=True,
        biases="qkv",
    ),
    Kind(
        name="granitemoe",
        class_name="GraniteMoeForCausalLM",
        takes=("granite", "llama"),
        router="block_sparse_moe.router.layer.weight",
        experts=_GRANITE_EXPERTS,
        config=_LOCAL | _INNER,
        unsaid=_GRANITE,
    ),
    Kind(
        name="granitemoeshared",
        class_name="GraniteMoeSharedForCausalLM",
        takes=("granite", "llama"),
        router="block_sparse_moe.router.layer.weight",
        experts=_GRANITE_EXPERTS,
        config=_LOCAL | _INNER | {"shared_intermediate_size": "<shared inner>"},
        shared=(
            Part("shared_mlp.input_linear.weight", ("gate", "up")),
            Part("shared_mlp.output_linear.weight", ("down",)),
        ),
        needs_shared=True,
        unsaid=_GRANITE,
    ),
    Kind(
        name="flex_olmo",
        class_name="FlexOlmoForCausalLM",
        takes=("olmo2",),
        router="mlp.gate.weight",
        experts=_QWEN,
        config=_COUNTS | _INNER | {"norm_topk_prob": True},
    ),
    Kind(
        name="ernie4_5_moe",
        class_name="Ernie4_5_MoeForCausalLM",
        takes=("ernie4_5",),
        router="mlp.gate.weight",
        experts=_QWEN,
        config=_MOE_INNER
        | {"moe_num_experts": "<experts>", "moe_k": "<per token>"}
        | {"moe_num_shared_experts": "<shared>", "moe_layer_start_index": 0}
        | {"moe_layer_end_index": -1, "moe_layer_interval": 1},
        shared=_alone("mlp.shared_experts", *_PROJECTIONS),
        zeros={"mlp.moe_statics.e_score_correction_bias": "F32"},
    ),
    Kind(
        name="lfm2_moe",
        class_name="Lfm2MoeForCausalLM",
        takes=("lfm2",),
        router="feed_forward.gate.weight",
        experts=_alone("feed_forward.experts.{expert}", *_W),
        config=_COUNTS
        | _MOE_INNER
        | {"num_dense_layers": 0, "use_expert_bias": False, "norm_topk_prob": True}
        | {"routed_scaling_factor": 1.0},
        scores="sigmoid",
        mlp=_LFM,
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}

_COMMON = {
    "hidden_act": "silu",
    "rope_theta": 10_000.0,
    "tie_word_embeddings": False,
    "attention_dropout": 0.0,
    "initializer_range": 0.02,
    "pad_token_id": None,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_QWEN_DEFAULTS = {
    "max_position_embeddings": 32_768,
    "rms_norm_eps": 1e-6,
    "num_key_value_heads": 32,
    "use_sliding_window": False,
    "sliding_window": 4096,
    "max_window_layers": 28,
    "bos_token_id": None,
    "eos_token_id": None,
}
_LLAMA_DEFAULTS = {
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "num_key_value_heads": "<heads>",
    "attention_bias": False,
}
# What transformers takes for granted of a dense model whose config does not say it: other
# architectures take other things for granted, so the sparse model's config says it.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "llama": _COMMON | _LLAMA_DEFAULTS,
    "mistral": _COMMON
    | {"max_position_embeddings": 131_072, "rms_norm_eps": 1e-6, "num_key_value_heads": 8}
    | {"sliding_window": 4096},
    "qwen2": _COMMON | _QWEN_DEFAULTS,
    "qwen3": _COMMON | _QWEN_DEFAULTS | {"head_dim": 128, "attention_bias": False},
    "granite": _COMMON
    | _LLAMA_DEFAULTS
    | {"attention_multiplier": 1.0, "embedding_multiplier": 1.0}
    | {"residual_multiplier": 1.0, "logits_scaling": 1.0},
    "olmo2": _COMMON
    | _LLAMA_DEFAULTS
    | {"rms_norm_eps": 1e-5, "pad_token_id": 1, "bos_token_id": None, "eos_token_id": 50279},
    "ernie4_5": _COMMON
    | {"max_position_embeddings": 131_072, "rms_norm_eps": 1e-5, "num_key_value_heads": 2}
    | {"rope_theta": 500_000.0, "tie_word_embeddings": True, "head_dim": 128, "pad_token_id": 0}
    | {"use_bias": False},
    "lfm2": {
        "max_position_embeddings": 128_000,
        "norm_eps": 1e-5,
        "num_key_value_heads": 8,
        "rope_theta": 1_000_000.0,
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
        "conv_bias": False,
        "conv_L_cache": 3,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    },
}
