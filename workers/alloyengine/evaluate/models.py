"""Loads a model folder for inference, offline and without its own code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.checkpoint import facts
from alloyengine.errors import InputError


@dataclass(frozen=True)
class Loaded:
    model: Any
    tokenizer: Any
    device: str
    context: int  # tokens

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer."""
        configured = self.model.generation_config.eos_token_id
        listed = configured if isinstance(configured, list) else [configured]
        return frozenset({*listed, self.tokenizer.eos_token_id} - {None})


def load(path: Path) -> Loaded:
    """In its stored type, or in float32 on a CPU that has to emulate the others."""
    found = facts(path)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # it would draw over our own
    device = "cuda" if torch.cuda.is_available() else "cpu"
    native = device == "cuda" or (found.dtype == "bfloat16" and _cpu_has_bfloat16())
    dtype = "auto" if native else torch.float32
    try:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0].replace(str(path), path.name)
        raise InputError(
            "model_unloadable",
            f"A model of the architecture {found.architecture} can't be loaded: {reason}",
            "Check its config.json and tokenizer files.",
        ) from None
    return Loaded(model.to(device).eval(), tokenizer, device, found.context or 2048)


def _cpu_has_bfloat16() -> bool:
    import torch

    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
