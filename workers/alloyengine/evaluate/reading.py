"""A batch of contexts and continuations, read by the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alloyengine.errors import InputError
from alloyengine.evaluate.models import Loaded
from alloyengine.evaluate.prefix import Prefix, Tokens
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
    """Of what is wanted after each context (prefix and rest), context by context."""
    import torch

    owners = [owner for owner, several in enumerate(wanted) for _ in several]
    continuations = [tokens for several in wanted for tokens in several]
    cache = prefix.taken_up(len(rests))
    ids, mask, positions = prefix.padded(rests)
    with torch.inference_mode():
        # Contexts end together, and their last position says how each continuation begins.
        logits = loaded.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        firsts = prefix.tensor([tokens[0] for tokens in continuations])
        totals = logits.float().log_softmax(-1)[owners, firsts]
        greedy = logits.argmax(-1)[owners] == firsts
        longer = [row for row, tokens in enumerate(continuations) if len(tokens) > 1]
        if longer:
            chosen = prefix.tensor([owners[row] for row in longer])
            cache.batch_select_indices(chosen)
            given, targets = _right_padded([continuations[row] for row in longer])
            ids, wanted_next = prefix.tensor(given), prefix.tensor(targets)
            own = (wanted_next != IGNORED).long()
            logits = loaded.model(
                input_ids=ids,
                attention_mask=torch.cat([mask[chosen], own], dim=1),
                position_ids=positions[chosen, -1:] + own.cumsum(-1),
                past_key_values=cache,
                use_cache=True,
            ).logits
            more, still = _scored(logits.flatten(0, 1), wanted_next.flatten())
            rows = prefix.tensor(longer)
            totals[rows] += more.view(ids.shape).sum(1)
            greedy[rows] &= still.view(ids.shape).all(1)
    return _told(totals, greedy)


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
        totals, greedy = _scored(logits.flatten(0, 1), wanted.flatten())
        return _told(totals.view(ids.shape).sum(1), greedy.view(ids.shape).all(1))


def _scored(logits: "torch.Tensor", targets: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Log-likelihoods of targets [rows] by logits [rows, vocabulary], and whether they are the
    likeliest; 0 and True where the target is IGNORED.
    """
    from torch.nn.functional import cross_entropy

    losses = cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="none")
    return -losses, (logits.argmax(-1) == targets) | (targets == IGNORED)


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
