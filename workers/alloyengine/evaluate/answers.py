"""Greedy answers for many prompts at once.

What all prompts begin with (system message, template) is computed once. Rows that have ended
leave the batch, so a model that answers shortly is evaluated shortly.
"""

import copy
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from alloyengine.evaluate.models import Loaded

if TYPE_CHECKING:
    import torch

Tokens = list[int]


class Answerer:
    """Made for one list of prompts; `batches` yields answers as they come."""

    def __init__(self, loaded: Loaded, prompts: Sequence[Tokens], longest: int) -> None:
        self._loaded, self._prompts, self._longest = loaded, prompts, longest
        self._shared = _shared_length(prompts)
        self._prefix = self._read_prefix()

    def batches(self, size: int) -> Iterator[list[tuple[int, Tokens]]]:
        """(index of the prompt, answer without its end token); the longest prompts first."""
        order = sorted(range(len(self._prompts)), key=lambda i: -len(self._prompts[i]))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            answers = self._answer([self._prompts[i][self._shared :] for i in chosen])
            yield list(zip(chosen, answers, strict=True))

    def _read_prefix(self) -> Any:
        from transformers import DynamicCache

        cache = DynamicCache(config=self._loaded.model.config)
        if self._shared:
            prefix = self._tensor([self._prompts[0][: self._shared]])
            self._forward(input_ids=prefix, past_key_values=cache)
        return cache

    def _answer(self, rests: list[Tokens]) -> list[Tokens]:
        import torch

        cache = copy.deepcopy(self._prefix)
        if self._shared:
            cache.batch_repeat_interleave(len(rests))
        ids, mask = self._padded(rests)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, self._shared :]
        rows = list(range(len(rests)))
        answers: list[Tokens] = [[] for _ in rests]
        for _ in range(self._longest):
            chosen = self._forward(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache
            )
            going = [i for i, token in enumerate(chosen) if token not in self._loaded.ends]
            for i in going:
                answers[rows[i]].append(chosen[i])
            if not going:
                break
            if len(going) < len(rows):
                keep = self._tensor(going)
                cache.batch_select_indices(keep)
                mask, positions = mask[keep], positions[keep]
                rows = [rows[i] for i in going]
            ids = self._tensor([[chosen[i]] for i in going])
            positions = positions[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        return answers

    def _forward(self, **arguments: Any) -> Tokens:
        """The likeliest next token of every row."""
        import torch

        with torch.inference_mode():
            output = self._loaded.model(**arguments, use_cache=True, logits_to_keep=1)
            likeliest: Tokens = output.logits[:, -1].argmax(-1).tolist()
        return likeliest

    def _padded(self, rests: list[Tokens]) -> "tuple[torch.Tensor, torch.Tensor]":
        """Token ids padded on the left, and the mask that also covers the shared prefix."""
        width = max(len(rest) for rest in rests)
        gaps = [width - len(rest) for rest in rests]
        ids = [[0] * gap + rest for gap, rest in zip(gaps, rests, strict=True)]
        mask = [[1] * self._shared + [0] * gap + [1] * (width - gap) for gap in gaps]
        return self._tensor(ids), self._tensor(mask)

    def _tensor(self, values: Any) -> "torch.Tensor":
        import torch

        return torch.tensor(values, device=self._loaded.device)


def _shared_length(prompts: Sequence[Tokens]) -> int:
    """Each prompt keeps at least one token of its own, for its answer to follow."""
    same = takewhile(lambda tokens: len(set(tokens)) == 1, zip(*prompts, strict=False))
    shortest = min(len(prompt) for prompt in prompts)
    return min(sum(1 for _ in same), shortest - 1)
