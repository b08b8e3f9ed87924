"""How surprised a model is by the right answers (chats) or by a text."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from alloyengine.errors import InputError
from alloyengine.evaluate import scores
from alloyengine.evaluate.models import Loaded
from alloyengine.train.data import Messages
from alloyengine.train.encode import IGNORED, Example, encode_row

Advance = Callable[[int], None]
_WINDOW = 1024  # tokens of a text seen at once
_LOGITS = 100_000_000  # numbers in memory at once


def perplexity(
    loaded: Loaded, rows: list[Messages | str], batch_size: int, advance: Advance
) -> tuple[scores.Figure, list[dict[str, Any]]]:
    """Counts the assistants' tokens of a chat, and all of a text but each window's first."""
    longest = min(loaded.context, _WINDOW)
    owners: list[int] = []
    windows: list[Example] = []
    for owner, row in enumerate(rows):
        for window in _windows(encode_row(row, loaded.tokenizer), longest):
            windows.append(window)
            owners.append(owner)
    losses, tokens = [0.0] * len(rows), [0] * len(rows)
    for chosen in _batches(windows, batch_size, _LOGITS // loaded.model.config.vocab_size):
        for index, (loss, count) in zip(
            chosen, _losses(loaded, [windows[i] for i in chosen]), strict=True
        ):
            losses[owners[index]] += loss
            tokens[owners[index]] += count
        advance(sum(_is_first(owners, index) for index in chosen))
    return _figure(losses, tokens), [
        {"example": row, "loss": loss / max(count, 1), "tokens": count}
        for row, loss, count in zip(rows, losses, tokens, strict=True)
    ]


def _figure(losses: list[float], tokens: list[int]) -> scores.Figure:
    if not sum(tokens):
        raise InputError(
            "dataset_nothing_to_score",
            "No row of the test set has an answer to score.",
            "Let conversations end with an assistant's message.",
        )
    return scores.perplexity(losses, tokens)


def _is_first(owners: Sequence[int], index: int) -> bool:
    return index == 0 or owners[index - 1] != owners[index]


def _windows(example: Example, longest: int) -> Iterator[Example]:
    for start in range(0, max(len(example.tokens), 1), longest):
        stop = start + longest
        yield Example(example.tokens[start:stop], example.targets[start:stop])


def _batches(windows: list[Example], size: int, room: int) -> Iterator[list[int]]:
    """Indices, longest first, so many that their padded tokens find room."""
    order = sorted(range(len(windows)), key=lambda i: -len(windows[i].tokens))
    start = 0
    while start < len(order):
        width = max(len(windows[order[start]].tokens), 1)
        count = max(1, min(size, room // width))
        yield order[start : start + count]
        start += count


def _losses(loaded: Loaded, batch: list[Example]) -> list[tuple[float, int]]:
    """Summed loss and number of scored tokens, for every window.

    Padding goes on the left: the answers then end together, and only the last positions
    need the costly step from hidden states to the vocabulary.
    """
    import torch

    width = max(len(item.tokens) for item in batch)
    gaps = [width - len(item.tokens) for item in batch]
    pairs = list(zip(batch, gaps, strict=True))
    rows = [[0] * gap + item.tokens for item, gap in pairs]
    ids = torch.tensor(rows, device=loaded.device)
    mask = torch.tensor([[0] * gap + [1] * (width - gap) for gap in gaps], device=loaded.device)
    # A row's first token follows nothing, so nothing predicts it.
    wanted = [[IGNORED] * (gap + 1) + item.targets[1:] for item, gap in pairs]
    targets = torch.tensor(wanted, device=loaded.device)
    depth = width - _first_scored(wanted) + 1
    with torch.inference_mode():
        logits = loaded.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            use_cache=False,
            logits_to_keep=depth,
        ).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2).float(),
            targets[:, 1 - depth :],
            ignore_index=IGNORED,
            reduction="none",
        ).sum(1)
    if not bool(loss.isfinite().all()):
        raise InputError(
            "not_finite", "The model's predictions are not numbers.", "Its weights are broken."
        )
    return list(zip(loss.tolist(), (targets != IGNORED).sum(1).tolist(), strict=True))


def _first_scored(wanted: list[list[int]]) -> int:
    """The first position that any row scores; the last one if none does."""
    width = len(wanted[0])
    firsts = (next((i for i, t in enumerate(row) if t != IGNORED), width) for row in wanted)
    return min(min(firsts), width - 1)
