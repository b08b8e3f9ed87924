"""Tiny random models of many architectures, made by transformers from configs alone, once each."""

import atexit
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.files import Folder
from alloyengine.checkpoint.header import TensorInfo, read_header
from alloyengine.checkpoint.structure import Structure

VOCAB, HIDDEN = 96, 32
_SHAPE = {"hidden_size": HIDDEN, "num_hidden_layers": 3, "num_attention_heads": 4}
_TOKENS = {"vocab_size": VOCAB, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_TEXT: dict[str, Any] = _SHAPE | _TOKENS | {"intermediate_size": 48, "num_key_value_heads": 2}
_TEXT |= {"max_position_embeddings": 64}
_HEADS = _TEXT | {"head_dim": 8}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_SHARED = {"shared_expert_intermediate_size": 16}
_GPT = _TOKENS | {"n_embd": HIDDEN, "n_layer": 3, "n_head": 4, "n_positions": 64}
_MAMBA = {"hidden_size": HIDDEN, "num_hidden_layers": 3, "vocab_size": VOCAB, "state_size": 4}
_T5 = {"d_model": HIDDEN, "d_ff": 48, "d_kv": 8, "num_layers": 3, "num_decoder_layers": 2}
_T5 |= {"num_heads": 4, "vocab_size": VOCAB}
_BART = _TOKENS | {"d_model": HIDDEN, "encoder_layers": 3, "decoder_layers": 2}
_BART |= {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "decoder_start_token_id": 3}
_BART |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
_SIGHT = {"hidden_size": HIDDEN, "intermediate_size": 48, "num_hidden_layers": 2}
_SIGHT |= {"num_attention_heads": 4, "image_size": 16, "patch_size": 8}
_AUDIO = {"d_model": HIDDEN, "encoder_layers": 2, "encoder_ffn_dim": 48, "num_mel_bins": 8}
_AUDIO |= {"encoder_attention_heads": 4, "max_source_positions": 32}
_IMAGES = {"image_token_id": 90, "video_token_id": 91}
_IMAGES |= {"vision_start_token_id": 92, "vision_end_token_id": 93}
_MROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
_MLA = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8}
_DEEPSEEK = _MLA | {"v_head_dim": 8, "num_key_value_heads": 4, "first_k_dense_replace": 1}
_DEEPSEEK |= {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LINEAR = {"linear_num_key_heads": 2, "linear_num_value_heads": 4}
_LINEAR |= {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
_RESAMPLER = {"resampler_depth": 2, "resampler_n_heads": 4, "resampler_n_latents": 4}
_RESAMPLER |= {"resampler_head_dim": 8, "num_key_value_heads": 2}

_LM, _MASKED = "AutoModelForCausalLM", "AutoModelForMaskedLM"
_SEQ2SEQ, _SEES = "AutoModelForSeq2SeqLM", "AutoModelForImageTextToText"

# name: (model type, class, config)
DECODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("llama", _LM, _TEXT),
    "mistral": ("mistral", _LM, _TEXT),
    "qwen2": ("qwen2", _LM, _TEXT),
    "qwen3": ("qwen3", _LM, _HEADS),
    "qwen2_moe": ("qwen2_moe", _LM, _TEXT | _EXPERTS | _SHARED),
    "qwen3_moe": ("qwen3_moe", _LM, _HEADS | _EXPERTS),
    "mixtral": ("mixtral", _LM, _TEXT | {"num_local_experts": 4}),
    "gpt_oss": ("gpt_oss", _LM, _HEADS | {"num_local_experts": 4}),
    "deepseek_v3": ("deepseek_v3", _LM, _TEXT | _DEEPSEEK | {"n_group": 2, "topk_group": 1}),
    "gemma": ("gemma", _LM, _HEADS),
    "gemma2": ("gemma2", _LM, _HEADS),
    "gemma3_text": ("gemma3_text", _LM, _HEADS | {"sliding_window_pattern": 2}),
    "phi": ("phi", _LM, _TEXT),
    "phi3": ("phi3", _LM, _TEXT),
    "gpt2": ("gpt2", _LM, _GPT),
    "gpt2_bare": ("gpt2", "AutoModel", _GPT),
    "gpt_neox": ("gpt_neox", _LM, _TEXT),
    "gpt_bigcode": ("gpt_bigcode", _LM, _GPT),
    "gpt_neo": (
        "gpt_neo",
        _LM,
        {"hidden_size": HIDDEN, "num_layers": 4, "num_heads": 4, "vocab_size": VOCAB}
        | {"attention_types": [[["global", "local"], 2]]},
    ),
    "starcoder2": ("starcoder2", _LM, _TEXT),
    "smollm3": ("smollm3", _LM, _TEXT),
    "granite": ("granite", _LM, _TEXT),
    "olmo2": ("olmo2", _LM, _TEXT),
    "falcon": ("falcon", _LM, _SHAPE | {"vocab_size": VOCAB}),
    "stablelm": ("stablelm", _LM, _TEXT),
    "cohere": ("cohere", _LM, _TEXT),
    "bloom": (
        "bloom",
        _LM,
        {"hidden_size": HIDDEN, "n_layer": 3, "n_head": 4, "vocab_size": VOCAB},
    ),
    "ctrl": ("ctrl", _LM, _GPT | {"dff": 48}),
    "rwkv": ("rwkv", _LM, _SHAPE | {"vocab_size": VOCAB, "attention_hidden_size": HIDDEN}),
    "cohere2": ("cohere2", _LM, _TEXT),
    "llama4_text": (
        "llama4_text",
        _LM,
        _HEADS
        | {"num_local_experts": 2, "intermediate_size_mlp": 48, "interleave_moe_layer_step": 2},
    ),
    "ernie4_5_moe": (
        "ernie4_5_moe",
        _LM,
        _HEADS
        | {"moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 16}
        | {"moe_layer_start_index": 1},
    ),
    "opt": ("opt", _LM, _TEXT | {"ffn_dim": 48, "word_embed_proj_dim": HIDDEN}),
    "mamba": ("mamba", _LM, _MAMBA),
    "mamba2": ("mamba2", _LM, _MAMBA | {"num_heads": 8, "head_dim": 8, "n_groups": 2}),
    "lfm2": ("lfm2", _LM, _TEXT | {"layer_types": ["conv", "full_attention", "conv"]}),
    "jamba": (
        "jamba",
        _LM,
        _TEXT
        | {"attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2, "mamba_d_state": 4}
        | {"expert_layer_period": 2, "expert_layer_offset": 1, "use_mamba_kernels": False},
    ),
    "qwen3_next": (
        "qwen3_next",
        _LM,
        _HEADS
        | (_EXPERTS | _SHARED | _LINEAR)
        | {"layer_types": ["linear_attention", "full_attention", "linear_attention"]},
    ),
    "nemotron_h": (
        "nemotron_h",
        _LM,
        _HEADS
        | {"mamba_num_heads": 8, "mamba_head_dim": 8, "ssm_state_size": 4, "n_groups": 2}
        | {"hybrid_override_pattern": "M*-"},
    ),
}
OTHERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("bert", _MASKED, _TEXT),
    "bert_bare": ("bert", "AutoModel", _TEXT),
    "roberta": ("roberta", _MASKED, _TEXT),
    "distilbert": (
        "distilbert",
        _MASKED,
        {"dim": HIDDEN, "hidden_dim": 48, "n_layers": 3, "n_heads": 4, "vocab_size": VOCAB},
    ),
    "modernbert": ("modernbert", _MASKED, _TEXT | {"cls_token_id": 1, "sep_token_id": 2}),
    "electra": ("electra", _MASKED, _TEXT | {"embedding_size": 16}),
    "t5": ("t5", _SEQ2SEQ, _T5),
    "t5_encoder": ("t5", "T5EncoderModel", _T5),
    "bart": ("bart", _SEQ2SEQ, _BART | {"max_position_embeddings": 64}),
    "whisper": (
        "whisper",
        "AutoModelForSpeechSeq2Seq",
        _BART | {"num_mel_bins": 8, "max_source_positions": 32, "max_target_positions": 32},
    ),
    "t5gemma": (
        "t5gemma",
        _SEQ2SEQ,
        {"encoder": _HEADS, "vocab_size": VOCAB}
        | {"decoder": _HEADS | {"num_hidden_layers": 2, "cross_attention_hidden_size": HIDDEN}},
    ),
    "encoder_decoder": (
        "encoder-decoder",
        _SEQ2SEQ,
        {"encoder": _TEXT | {"model_type": "bert"}}
        | {"decoder": _GPT | {"model_type": "gpt2", "add_cross_attention": True, "n_layer": 2}},
    ),
    "wav2vec2": (
        "wav2vec2",
        "AutoModelForCTC",
        _TEXT
        | {"conv_dim": [16, 16], "conv_kernel": [3, 3], "conv_stride": [2, 2]}
        | {"num_feat_extract_layers": 2}
        | {"num_conv_pos_embedding_groups": 4, "num_conv_pos_embeddings": 4},
    ),
    "clip": (
        "clip",
        "AutoModel",
        {"text_config": _TEXT | {"num_hidden_layers": 2}, "vision_config": _SIGHT},
    ),
    "llava": (
        "llava",
        _SEES,
        {"text_config": _TEXT | {"model_type": "llama"}, "image_token_index": 90}
        | {"vision_config": _SIGHT | {"model_type": "clip_vision_model"}},
    ),
    "gemma3": (
        "gemma3",
        _SEES,
        {"text_config": _HEADS, "image_token_index": 90, "mm_tokens_per_image": 4}
        | {"vision_config": _SIGHT | {"model_type": "siglip_vision_model"}},
    ),
    "idefics3": (
        "idefics3",
        _SEES,
        {"text_config": _TEXT | {"model_type": "llama"}, "vision_config": _SIGHT}
        | {"scale_factor": 2, "image_token_id": 90},
    ),
    "idefics2": (
        "idefics2",
        _SEES,
        {"text_config": _TEXT | {"model_type": "mistral"}, "vision_config": _SIGHT}
        | {"perceiver_config": _RESAMPLER | {"hidden_size": HIDDEN}, "image_token_id": 90},
    ),
    "mllama": (
        "mllama",
        _SEES,
        {"text_config": _TEXT | {"cross_attention_layers": [1]}, "image_token_index": 90}
        | {
            "vision_config": _SIGHT
            | {"num_global_layers": 2, "attention_heads": 4, "vision_output_dim": 64}
            | {"intermediate_layers_indices": [1], "max_num_tiles": 1}
            | {"supported_aspect_ratios": [[1, 1]]}
        },
    ),
    "qwen2_5_vl": (
        "qwen2_5_vl",
        _SEES,
        {"text_config": _TEXT | {"rope_parameters": _MROPE}, **_IMAGES}
        | {
            "vision_config": {"depth": 2, "hidden_size": HIDDEN, "num_heads": 4}
            | {"intermediate_size": 48, "out_hidden_size": HIDDEN, "patch_size": 8}
            | {"fullatt_block_indexes": [1]}
        },
    ),
    "qwen2_audio": (
        "qwen2_audio",
        "Qwen2AudioForConditionalGeneration",
        {"text_config": _TEXT | {"model_type": "qwen2"}, "audio_token_index": 90}
        | {"audio_config": _AUDIO},
    ),
}
ZOO = DECODERS | OTHERS


@dataclass(frozen=True)
class Specimen:
    """A model on disk, as `save_pretrained` left it."""

    path: Path
    model_class: str
    config: dict[str, Any]
    tensors: dict[str, TensorInfo]

    @property
    def structure(self) -> Structure:
        return Structure.of(self.config, self.tensors)


@cache
def specimen(name: str) -> Specimen:
    import transformers

    model_type, model_class, settings = ZOO[name]
    config = transformers.AutoConfig.for_model(model_type, **settings)
    made = getattr(transformers, model_class)
    made = made.from_config(config) if model_class.startswith("Auto") else made(config)
    path = _cage() / name
    made.save_pretrained(path)
    places = read_header(Folder(path), "model.safetensors")
    tensors = {tensor: place.info for tensor, place in places.items()}
    return Specimen(path, model_class, json.loads((path / "config.json").read_text()), tensors)


@cache
def _cage() -> Path:
    folder = tempfile.mkdtemp(prefix="zoo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
