"""Greedy answers for many prompts at once.

What all prompts begin with (system message, template) is computed once. Rows that have ended
leave the batch, so a model that answers shortly is evaluated shortly.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.prefix import Prefix, Tokens, shared_length

Ended = Callable[[Tokens], bool]
"""Whether an answer is complete, though its last token is no end token."""


class Answerer:
    """Made for one list of prompts; `batches` yields answers as they come."""

    def __init__(
        self,
        loaded: Loaded,
        prompts: Sequence[Tokens],
        longest: int,
        ended: Ended = lambda answer: False,
    ) -> None:
        self._loaded, self._prompts, self._longest = loaded, prompts, longest
        self._shared, self._ended = shared_length(prompts), ended
        self._prefix = Prefix(loaded, prompts[0][: self._shared])

    def batches(self, size: int) -> Iterator[list[tuple[int, Tokens]]]:
        """(index of the prompt, answer without its end token); the longest prompts first."""
        order = sorted(range(len(self._prompts)), key=lambda i: -len(self._prompts[i]))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            answers = self._answer([self._prompts[i][self._shared :] for i in chosen])
            yield list(zip(chosen, answers, strict=True))

    def _answer(self, rests: list[Tokens]) -> list[Tokens]:
        import torch

        cache = self._prefix.taken_up(len(rests))
        ids, mask, positions = self._prefix.padded(rests)
        rows = list(range(len(rests)))
        answers: list[Tokens] = [[] for _ in rests]
        for _ in range(self._longest):
            chosen = self._forward(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache
            )
            going = [i for i, token in enumerate(chosen) if self._goes_on(answers[rows[i]], token)]
            if not going:
                break
            if len(going) < len(rows):
                keep = self._prefix.tensor(going)
                cache.batch_select_indices(keep)
                mask, positions = mask[keep], positions[keep]
                rows = [rows[i] for i in going]
            ids = self._prefix.tensor([[chosen[i]] for i in going])
            positions = positions[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        return answers

    def _goes_on(self, answer: Tokens, token: int) -> bool:
        """Adds the token, if it is one of an answer."""
        if token in self._loaded.ends:
            return False
        answer.append(token)
        return not self._ended(answer)

    def _forward(self, **arguments: Any) -> Tokens:
        """The likeliest next token of every row."""
        import torch

        with torch.inference_mode():
            output = self._loaded.model(**arguments, use_cache=True, logits_to_keep=1)
            likeliest: Tokens = output.logits[:, -1].argmax(-1).tolist()
        return likeliest
