"""The model that every candidate becomes in turn: merges write into its own memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from alloyengine.checkpoint import TensorInfo
from alloyengine.checkpoint.dtypes import code_of, torch_dtype
from alloyengine.errors import InputError
from alloyengine.merge.arrays import decode


class Resident:
    """A `merge.execute.Target` over a loaded model. Its numbers are those that loading the merged
    files would give: rounded to the file's type, then brought to the model's.
    """

    def __init__(self, model: Any, layout: Mapping[str, TensorInfo]) -> None:
        for weight in model.parameters():  # what was loaded may still be the pages of a file
            weight.data = weight.data.clone()
        weights = model.state_dict()
        _check(weights, layout)
        self._codes = {name: info.dtype for name, info in layout.items()}
        self._places = {name: _Place.of(weights[name]) for name in layout}

    def put(self, name: str, start: int, raw: np.ndarray) -> None:
        """Numbers of the file's type, from the `start`-th of the flattened tensor on."""
        code, place, flat = self._codes[name], self._places[name], raw.reshape(-1)
        here = slice(start, start + flat.size)
        if place.memory is None or (code != place.code and place.code != "F32"):
            numbers = torch.from_numpy(flat.view("u1").copy()).view(torch_dtype(code))
            place.weight[here].copy_(numbers)
        else:
            place.memory[here] = flat if code == place.code else decode(flat, code)


@dataclass(frozen=True)
class _Place:
    """A flattened weight; its memory for numpy, which is quicker with small pieces, where that can be."""

    weight: torch.Tensor
    code: str
    memory: np.ndarray | None

    @classmethod
    def of(cls, weight: torch.Tensor) -> Self:
        flat, code = weight.detach().view(-1), code_of(weight.dtype)
        if flat.device.type != "cpu" or code not in ("F32", "F16", "BF16"):
            return cls(flat, code, None)
        known = flat.view(torch.uint16) if code == "BF16" else flat
        return cls(flat, code, known.numpy())


def _check(weights: Mapping[str, Any], layout: Mapping[str, TensorInfo]) -> None:
    for name, info in layout.items():
        found = weights.get(name)
        if found is None or tuple(found.shape) != info.shape or not found.is_contiguous():
            raise InputError(
                "model_kind",
                f"Models of this architecture can't be searched in memory: {name!r} is stored "
                "otherwise than it is used.",
                "Merge candidates with alloy merge, and compare them with alloy evaluate.",
            )
