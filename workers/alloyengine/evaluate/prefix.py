"""Tokens that many inputs begin with: read by the model once, then taken up by each."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alloyengine.evaluate.models import Loaded

if TYPE_CHECKING:
    import torch

Tokens = list[int]


class Prefix:
    """`tokens` may be none at all."""

    def __init__(self, loaded: Loaded, tokens: Sequence[int]) -> None:
        self._loaded, self._length = loaded, len(tokens)
        self._cache = self._read(tokens)

    def taken_up(self, count: int) -> Any:
        """A cache of its own, for so many inputs."""
        cache = copy.deepcopy(self._cache)
        if self._length:
            cache.batch_repeat_interleave(count)
        return cache

    def padded(
        self, rests: Sequence[Sequence[int]]
    ) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        """What follows the prefix, padded on the left: token ids [inputs, width], the mask, which
        covers the prefix too, and the positions of the ids.
        """
        width = max(len(rest) for rest in rests)
        gaps = [width - len(rest) for rest in rests]
        ids = [[0] * gap + list(rest) for gap, rest in zip(gaps, rests, strict=True)]
        mask = self.tensor([[1] * self._length + [0] * gap + [1] * (width - gap) for gap in gaps])
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, self._length :]
        return self.tensor(ids), mask, positions

    def tensor(self, values: Any) -> "torch.Tensor":
        import torch

        return torch.tensor(values, device=self._loaded.device)

    def _read(self, tokens: Sequence[int]) -> Any:
        import torch
        from transformers import DynamicCache

        cache = DynamicCache(config=self._loaded.model.config)
        if tokens:
            ids = self.tensor([list(tokens)])
            with torch.inference_mode():
                self._loaded.model(
                    input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1
                )
        return cache


def shared_length(inputs: Sequence[Sequence[int]]) -> int:
    """Each input keeps at least one token of its own, for something to follow."""
    # What the first and the last in order have in common, all between them have.
    first, last = min(map(list, inputs)), max(map(list, inputs))
    same = 0
    while same < len(first) and same < len(last) and first[same] == last[same]:
        same += 1
    return min(same, min(map(len, inputs)) - 1)
