"""Loads a model folder for inference, offline and without its own code."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.checkpoint import facts


@dataclass(frozen=True)
class Loaded:
    model: Any
    tokenizer: Any
    device: str
    context: int  # tokens

    @property
    def memory(self) -> int:
        """Bytes of the weights, as they were loaded."""
        return int(self.model.get_memory_footprint())

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer."""
        configured = self.model.generation_config.eos_token_id
        listed = configured if isinstance(configured, list) else [configured]
        return frozenset({*listed, self.tokenizer.eos_token_id} - {None})


def load(path: Path) -> Loaded:
    """In its stored type, or in float32 on a CPU that has to emulate the others."""
    found = facts(path)
    from alloyengine.loading import is_fast, open_model

    model, tokenizer = open_model(path, "auto" if is_fast(found.dtype) else "float32")
    return Loaded(model.eval(), tokenizer, model.device.type, found.context or 2048)


def way_of_loading(path: Path) -> str:
    """The number type and kind of device of `load`, without loading anything."""
    import torch

    from alloyengine.loading import is_fast

    stored = facts(path).dtype
    kind = stored if is_fast(stored) else "float32"
    return f"{kind} on {'cuda' if torch.cuda.is_available() else 'cpu'}"
