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
