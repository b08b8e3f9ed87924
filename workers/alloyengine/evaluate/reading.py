"""A batch of contexts and continuations, read by the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alloyengine.errors import InputError
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.prefix import Prefix, Tokens, shared_length
from alloyengine.train.encode import IGNORED

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Likelihood:
    total: float  # log-likelihood of the whole continuation, nats
    greedy: bool  # would the model have said it, taking the likeliest token each time?


def read_together(
    loaded: Loaded,
    prefix: Prefix,
    rests: Sequence[Sequence[int]],
    wanted: Sequence[Sequence[Tokens]],
) -> list[Likelihood]:
    """Of what is wanted after each context (prefix and rest), context by context.

    What all that is wanted of a context begins with is read with it, once.
    """
    import torch

    begun = [several[0][: shared_length(several)] for several in wanted]
    owners = [owner for owner, several in enumerate(wanted) for _ in several]
    ends = [
        tokens[len(b) :] for b, several in zip(begun, wanted, strict=True) for tokens in several
    ]
    contexts = _Contexts(
        loaded, prefix, [[*rest, *b] for rest, b in zip(rests, begun, strict=True)]
    )
    with torch.inference_mode():
        # They end together: the last position says how each of its continuations goes on.
        logits = contexts.read(1 + max(map(len, begun)))
        firsts = prefix.tensor([tokens[0] for tokens in ends])
        totals = logits[:, -1].float().log_softmax(-1)[owners, firsts]
        greedy = logits[:, -1].argmax(-1)[owners] == firsts
        if any(begun):
            total, said = _summed(logits[:, :-1], prefix.tensor(_left_padded(begun)))
            totals += total[owners]
            greedy &= said[owners]
        longer = [row for row, tokens in enumerate(ends) if len(tokens) > 1]
        if longer:
            total, said = contexts.go_on(
                [owners[row] for row in longer], [ends[row] for row in longer]
            )
            rows = prefix.tensor(longer)
            totals[rows] += total
            greedy[rows] &= said
    return _told(totals, greedy)


class _Contexts:
    """Read once, then gone on with in several ways; padded on the left."""

    def __init__(self, loaded: Loaded, prefix: Prefix, rests: Sequence[Sequence[int]]) -> None:
        self._model, self._tensor = loaded.model, prefix.tensor
        self._cache = prefix.taken_up(len(rests))
        self._ids, self._mask, self._positions = prefix.padded(rests)

    def read(self, last: int) -> "torch.Tensor":
        """The logits of so many last positions, [contexts, last, vocabulary]."""
        logits: torch.Tensor = self._model(
            input_ids=self._ids,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=last,
        ).logits
        return logits

    def go_on(
        self, owners: Sequence[int], tokens: Sequence[Tokens]
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """As `_summed`, of tokens after their first, each row after the context that owns it. The cache is
        used up by it.
        """
        import torch

        chosen = self._tensor(owners)
        self._cache.batch_select_indices(chosen)
        given, targets = map(self._tensor, _right_padded(tokens))
        own = (targets != IGNORED).long()
        logits = self._model(
            input_ids=given,
            attention_mask=torch.cat([self._mask[chosen], own], dim=1),
            position_ids=self._positions[chosen, -1:] + own.cumsum(-1),
            past_key_values=self._cache,
            use_cache=True,
        ).logits
        return _summed(logits, targets)


def read_alone(loaded: Loaded, pairs: Sequence[tuple[Tokens, Tokens]]) -> list[Likelihood]:
    """Each pair from its beginning, nothing shared: for models whose state can't be handed on."""
    import torch

    wholes = [[*context, *continuation] for context, continuation in pairs]
    given, targets = _right_padded(wholes)
    for row, (context, _) in enumerate(pairs):
        targets[row][: len(context) - 1] = [IGNORED] * (len(context) - 1)
    ids = torch.tensor(given, device=loaded.device)
    wanted = torch.tensor(targets, device=loaded.device)
    with torch.inference_mode():
        logits = loaded.model(input_ids=ids, use_cache=False).logits
        return _told(*_summed(logits, wanted))


def _summed(logits: "torch.Tensor", targets: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Of each row of targets [rows, places] by logits [rows, places, vocabulary]: its log-likelihood, and
    whether all of it is the likeliest. Places with IGNORED do not count.
    """
    from torch.nn.functional import cross_entropy

    flat = logits.flatten(0, 1)
    losses = cross_entropy(flat.float(), targets.flatten(), ignore_index=IGNORED, reduction="none")
    said = (flat.argmax(-1).view(targets.shape) == targets) | (targets == IGNORED)
    return -losses.view(targets.shape).sum(1), said.all(1)


def _left_padded(beginnings: Sequence[Tokens]) -> list[Tokens]:
    """As targets that end together."""
    width = max(map(len, beginnings))
    return [[IGNORED] * (width - len(tokens)) + tokens for tokens in beginnings]


def _right_padded(continuations: Sequence[Tokens]) -> tuple[list[Tokens], list[Tokens]]:
    """What is read of each, and what is to follow each of its tokens."""
    width = max(len(tokens) for tokens in continuations) - 1
    gaps = [width + 1 - len(tokens) for tokens in continuations]
    pairs = list(zip(continuations, gaps, strict=True))
    given = [tokens[:-1] + [0] * gap for tokens, gap in pairs]
    return given, [tokens[1:] + [IGNORED] * gap for tokens, gap in pairs]


def _told(totals: "torch.Tensor", greedy: "torch.Tensor") -> list[Likelihood]:
    if not bool(totals.isfinite().all()):
        raise InputError(
            "not_finite", "The model's predictions are not numbers.", "Its weights are broken."
        )
    pairs = zip(totals.tolist(), greedy.tolist(), strict=True)
    return [Likelihood(total, said) for total, said in pairs]
