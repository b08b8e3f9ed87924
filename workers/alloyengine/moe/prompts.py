"""Prompts and texts as token ids, in batches that fit memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alloyengine.errors import InputError

LONGEST = 512  # tokens of a piece of text
_MOST = 1 << 14  # tokens of a batch, padding included

Ids = list[int]


@dataclass(frozen=True)
class Batch:
    """Sequences of like length, and where they stood in the list."""

    places: list[int]
    sequences: list[Ids]

    @property
    def width(self) -> int:
        return max(map(len, self.sequences))


def open_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # noqa: BLE001  # the tokenizers library has none more precise
        reason = " ".join(str(error).split())[:300].replace(str(folder), folder.name)
        raise InputError(
            "tokenizer_unreadable",
            f"The base's tokenizer can't be loaded: {reason}",
            "Complete its files, or use gate_mode: random, which needs none.",
        ) from None


def encode(tokenizer: Any, prompts: Sequence[str]) -> list[Ids]:
    """Each after the token that begins a text, if the tokenizer has one; nothing else is added."""
    begin = tokenizer.bos_token or ""
    texts = [begin + prompt for prompt in prompts]
    found: list[Ids] = tokenizer(texts, add_special_tokens=False).input_ids
    for prompt, ids in zip(prompts, found, strict=True):
        if not ids:
            raise InputError(
                "recipe_wrong",
                f"recipe: the prompt {prompt[:60]!r} has no tokens.",
                "Write something that the tokenizer does not drop.",
            )
    return found


def pieces(tokenizer: Any, text: str, most: int) -> list[Ids]:
    """The beginning of a text, up to `most` tokens, cut into sequences."""
    ids: Ids = tokenizer(text, add_special_tokens=False).input_ids[:most]
    return [ids[start : start + LONGEST] for start in range(0, len(ids), LONGEST)]


def batches(sequences: Sequence[Ids]) -> Iterator[Batch]:
    """All of them, the longest first."""
    order = sorted(range(len(sequences)), key=lambda number: -len(sequences[number]))
    while order:
        count = max(1, _MOST // len(sequences[order[0]]))
        places, order = order[:count], order[count:]
        yield Batch(places, [sequences[number] for number in places])
