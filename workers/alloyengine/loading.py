"""Opens a model folder with transformers: offline, and never with code of its own."""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from alloyengine.checkpoint import facts
from alloyengine.errors import InputError


def open_model(path: Path, dtype: torch.dtype | str, **more: Any) -> tuple[Any, Any]:
    """Model, on the accelerator if there is one, and tokenizer. Checks the whole folder first."""
    found = facts(path)
    disable_progress_bar()  # it would draw over our own
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=dtype, local_files_only=True, use_safetensors=True, **more
        )
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0].replace(str(path), path.name)
        raise InputError(
            "model_unloadable",
            f"A model of the architecture {found.architecture} can't be loaded: {reason}",
            "Check its config.json and tokenizer files.",
        ) from None
    if "device_map" not in more:
        model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    return model, tokenizer


def is_fast(dtype: str) -> bool:
    """False where the type has to be emulated, which is slower than float32.

    ALLOY_CPU_DTYPE=float32 in the environment forbids the processor all others, so that every machine
    computes the same.
    """
    if dtype == "float32" or torch.cuda.is_available():
        return True
    if os.environ.get("ALLOY_CPU_DTYPE") == "float32":
        return False
    able = torch.cpu.get_capabilities()
    native = any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return dtype == "bfloat16" and native
