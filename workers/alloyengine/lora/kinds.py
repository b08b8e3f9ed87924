"""Which tensors of a model can be expressed by which part of an adapter.

PEFT adapts modules by what they are in memory. Names and shapes tell for what models are mostly
made of; what they do not tell of is saved in full, which suits any module.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from alloyengine.checkpoint.structure import Structure

Kind = Literal["linear", "embedding", "expert", "other"]
_NOT_LINEAR = re.compile(r"embed|position|relative|conv|norm|router")
_EXPERTS = re.compile(r"(?:^|\.)experts?(?:\.|_)")


def kind_of(name: str, shape: tuple[int, ...], structure: Structure) -> Kind:
    """`expert` is a weight that transformers fuses with others, out of an adapter's reach."""
    if name == structure.embedding:
        return "embedding"
    place = structure.place(name)
    rest = place.rest if place else name
    if _EXPERTS.search(rest) or _is_router(rest, name, structure):
        return "expert"
    linear = len(shape) == 2 and name.endswith(".weight") and not _NOT_LINEAR.search(rest)
    return "linear" if linear and (place or name == structure.head) else "other"


def _is_router(rest: str, name: str, structure: Structure) -> bool:
    """A gate beside experts."""
    if not rest.endswith(".gate.weight"):
        return False
    beside = name.removesuffix("gate.weight")
    return any(other.startswith(f"{beside}experts") for other in structure.tensors)


def module_of(name: str) -> str:
    return name.rpartition(".")[0]


def prefix_in_memory(config: Mapping[str, Any], structure: Structure) -> str:
    """What the model's modules have before the names in its file: `transformer.` of GPT-2's.

    Asks transformers, but only where the names have no beginning of their own.
    """
    architecture = _architecture(config)
    is_bare = architecture.endswith("Model") and not architecture.endswith("HeadModel")
    if is_bare or not structure.stacks or "." in structure.stacks[0].prefix:
        return ""
    prefix = getattr(_class(architecture), "base_model_prefix", "")
    return f"{prefix}." if prefix else ""


def tied_head(config: Mapping[str, Any]) -> str:
    """What the head's weight is called in memory where the file has none. Asks transformers."""
    tied = getattr(_class(_architecture(config)), "_tied_weights_keys", None) or ()
    return next((name for name in tied if "embed_tokens" not in name), "lm_head.weight")


def _architecture(config: Mapping[str, Any]) -> str:
    return str(next(iter(config.get("architectures") or ()), ""))


def _class(architecture: str) -> Any:
    import transformers

    return getattr(transformers, architecture, None)
