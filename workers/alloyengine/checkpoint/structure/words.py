"""The words that names of tensors and of config entries are made of."""

import re
from collections.abc import Iterable
from functools import lru_cache

_KINDS = {
    "text": {"text", "language", "llm", "lm"},
    "vision": {"vision", "visual", "image", "vit", "vpm", "video"},
    "audio": {"audio", "speech", "sound", "codec"},
}
_BETWEEN = re.compile(r"[._]|(?<=[a-z])(?=[A-Z])")


@lru_cache(maxsize=4096)
def words(name: str) -> frozenset[str]:
    """`model.audio_tower.LayerNorm` → model, audio, tower, layer, norm."""
    return frozenset(word.lower() for word in _BETWEEN.split(name) if word)


def kind(found: Iterable[str]) -> str | None:
    """What words speak of: text, vision, audio, or nothing of the sort.

    The senses win: the `vision_tower` of a `language_model` sees.
    """
    present = set(found)
    for name in ("vision", "audio", "text"):
        if present & _KINDS[name]:
            return name
    return None


def akin(word: str, others: Iterable[str]) -> bool:
    """Is it one of them, or short for one (`conf` for conformer, `dec` for decoder)?"""
    return any(word == other or (len(word) > 2 and other.startswith(word)) for other in others)
