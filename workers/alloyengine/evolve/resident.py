"""The model that every candidate becomes in turn: merges write into its own memory."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from alloyengine.checkpoint import TensorInfo
from alloyengine.checkpoint.dtypes import raw_dtype, torch_dtype
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
        self._places = {name: _place(weights[name]) for name in layout}

    def put(self, name: str, start: int, raw: np.ndarray) -> None:
        """Numbers of the file's type, from the `start`-th of the flattened tensor on."""
        code, place, flat = self._codes[name], self._places[name], raw.reshape(-1)
        here = place[start : start + flat.size]
        if isinstance(here, torch.Tensor):
            here.copy_(torch.from_numpy(flat.view("u1").copy()).view(torch_dtype(code)))
        elif here.dtype == raw_dtype(code):
            here[:] = flat
        else:
            here[:] = decode(flat, code)


def _place(weight: torch.Tensor) -> Any:
    """The flattened memory of a weight: of numpy where it can be and floats are alike, which takes
    no time to begin with.
    """
    flat = weight.detach().view(-1)
    if flat.device.type != "cpu":
        return flat
    if flat.dtype is torch.bfloat16:
        return flat.view(torch.uint16).numpy()
    return flat.numpy() if flat.dtype in (torch.float32, torch.float16) else flat


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

