"""What the catalogue shows of a model, from its headers and config alone."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from alloyengine.checkpoint.dtypes import DTYPES
from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.reader import Checkpoint
from alloyengine.spec.result import ModelFacts


def facts(path: Path) -> ModelFacts:
    """Checks the whole folder on the way; reads no tensor."""
    with Checkpoint.open(path) as model:
        return facts_of(model.config, model.tensors.values())


def facts_of(config: dict[str, Any], tensors: Collection[TensorInfo]) -> ModelFacts:
    sizes = Counter[str]()
    for info in tensors:
        sizes[info.dtype] += info.nbytes
    return ModelFacts(
        architecture=_architecture(config),
        parameters=sum(info.numel for info in tensors),
        dtype=DTYPES[max(sizes, key=sizes.__getitem__)][0] if sizes else "float32",
        layers=_count(config, "num_hidden_layers", "n_layer"),
        hidden_size=_count(config, "hidden_size", "n_embd"),
        vocabulary=_count(config, "vocab_size"),
        context=_count(config, "max_position_embeddings", "n_positions"),
    )


def _architecture(config: dict[str, Any]) -> str:
    match config.get("architectures"):
        case [str(first), *_]:
            return first
    return str(config.get("model_type", "unknown"))


def _count(config: dict[str, Any], *names: str) -> int | None:
    values = (config.get(name) for name in names)
    return next((value for value in values if type(value) is int and value >= 0), None)
