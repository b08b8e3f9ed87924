"""The card of a delta: that of the whole model, with a word on how to get there."""

import re
import shutil
from pathlib import Path

from alloyengine.card import NAME

_PICTURES = ("training.png", "forgetting.png")
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_KEEP = "surrogateescape"
_BEGIN, _END = "<!-- delta -->", "<!-- /delta -->\n\n"
_WORDS = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)


def copy_card(source: Path, out: Path, base: str = "") -> None:
    """The card with its pictures. With the name of a `base` it becomes a delta's, without it the
    whole model's again, byte by byte.
    """
    for name in _PICTURES:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
    # Whatever its bytes are, they come back as they were.
    card = (source / NAME).read_bytes().decode(errors=_KEEP) if (source / NAME).is_file() else ""
    text = _explained(card, base) if base else _WORDS.sub("", card, count=1)
    if text:
        (out / NAME).write_bytes(text.encode(errors=_KEEP))


def _explained(card: str, base: str) -> str:
    """The explanation stands after the front matter, where comments that nobody sees mark it."""
    front = _FRONT.match(card)
    split = front.end() if front else 0
    words = (
        f"{_BEGIN}\n\n> **A delta.** Only the tensors that differ from `{base}` are here. This makes "
        f"the whole model:\n>\n> `alloy apply-delta THIS_FOLDER BASE_FOLDER NEW_FOLDER`\n\n{_END}"
    )
    return card[:split] + words + card[split:]
