"""Experts that lie alone in a file and in stacks in memory.

Files have a tensor for each expert (`experts.3.up_proj.weight`). transformers joins them when it loads a
model (`experts.gate_up_proj`, [experts, rows, columns]), and knows the way back. Here that way tells which
rows of a parameter are which tensor of the file.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alloyengine.checkpoint import Checkpoint, TensorInfo

Rows = Tensor
"""Numbers of rows, of a tensor as rows of its last dimension: in the shape of a piece of it, [..., 1]."""


@dataclass(frozen=True)
class Stacks:
    """Of each parameter that the file calls otherwise, the file's tensors in it, and their rows."""

    parts: Mapping[str, Mapping[str, Rows]]

    @classmethod
    def of(cls, model: Any, base: Path) -> "Stacks":
        """`base`: the folder of its files. Parameters that can't be found there are left out."""
        with Checkpoint.open(base) as checkpoint:
            tensors = checkpoint.tensors
        parts = {}
        for name, parameter in model.named_parameters():
            if name in tensors:
                continue
            found = _apart(model, name, _numbered(parameter.shape))
            if all(_fits(rows, tensors.get(file)) for file, rows in found.items()):
                parts[name] = found
        return cls(parts)

    def files(self, name: str) -> AbstractSet[str]:
        """The file's tensors in a parameter."""
        return self.parts[name].keys() if name in self.parts else {name}

    def mask(self, name: str, wanted: AbstractSet[str], parameter: Tensor) -> Tensor | None:
        """1 in the rows of the tensors that are wanted, 0 in all others, [..., 1]; None when all are."""
        if self.files(name) <= wanted:
            return None
        shape = parameter.shape[:-1]
        mask = torch.zeros(prod(shape), device=parameter.device, dtype=parameter.dtype)
        for file in self.files(name) & wanted:
            mask[self.parts[name][file].reshape(-1).to(mask.device)] = 1
        return mask.view(*shape, 1)


class Pieces(Mapping[str, Tensor]):
    """Weights by the names of the files' tensors, each cut out of its stack when it is asked for."""

    def __init__(self, stacks: Stacks, weights: Mapping[str, Tensor]) -> None:
        self._stacks, self._weights = stacks, weights
        self._places = {file: name for name in weights for file in stacks.files(name)}

    def __getitem__(self, file: str) -> Tensor:
        name = self._places[file]
        weight = self._weights[name].detach()
        if name not in self._stacks.parts:
            return weight
        rows = self._stacks.parts[name][file]
        found = weight.reshape(-1, weight.shape[-1])[rows.reshape(-1).to(weight.device)]
        return found.view(*rows.shape[:-1], -1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _apart(model: Any, name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A parameter by the names, and in the pieces, that files have it in."""
    from transformers.core_model_loading import revert_weight_conversion

    found: dict[str, Tensor] = revert_weight_conversion(model, {name: tensor})
    return found


def _numbered(shape: torch.Size) -> Rows:
    return torch.arange(prod(shape[:-1])).view(*shape[:-1], 1)


def _fits(rows: Rows, info: TensorInfo | None) -> bool:
    return info is not None and tuple(rows.shape[:-1]) == info.shape[:-1]
