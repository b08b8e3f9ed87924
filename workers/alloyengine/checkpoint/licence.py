"""Which licence a model folder says it is under, in the short names that model hubs use."""

import re
from pathlib import Path

_CARD, _TEXTS = "README.md", ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING")
_LONGEST = 64 * 1024  # bytes read of a file
_FRONT = re.compile(r"\A---\r?\n(.*?)\r?\n---", re.DOTALL)
_ENTRY = re.compile(
    r"^(license|license_name):[ \t]*[\"']?([\w.+-]{1,60})[\"']?[ \t]*\r?$", re.MULTILINE
)

# What the first lines of well-known texts say; more special ones first.
_WORDS = {
    "apache license": "apache-2.0",
    "gnu affero general public license": "agpl-3.0",
    "gnu lesser general public license": "lgpl-3.0",
    "gnu general public license": "gpl-3.0",
    "mozilla public license": "mpl-2.0",
    "llama 3.3 community license": "llama3.3",
    "llama 3.2 community license": "llama3.2",
    "llama 3.1 community license": "llama3.1",
    "meta llama 3 community license": "llama3",
    "llama 2 community license": "llama2",
    "gemma terms of use": "gemma",
    "attribution-noncommercial": "cc-by-nc-4.0",
    "mistral ai research license": "mrl",
    "attribution-sharealike 4.0": "cc-by-sa-4.0",
    "attribution 4.0 international": "cc-by-4.0",
    "bsd 3-clause": "bsd-3-clause",
    "mit license": "mit",
}


def licence_of(folder: Path) -> str | None:
    """From the model card's front matter, else from the licence's text; None when neither says."""
    front = _FRONT.match(_beginning(folder / _CARD))
    said = dict(_ENTRY.findall(front[1])) if front else {}
    named = said.get("license_name") if said.get("license") in (None, "other") else None
    if found := named or said.get("license"):
        return str(found).lower()
    texts = (_beginning(folder / name) for name in _TEXTS)
    return next(filter(None, map(_recognised, texts)), None)


def _recognised(text: str) -> str | None:
    head = " ".join(text[:2000].lower().split())
    return next((name for words, name in _WORDS.items() if words in head), None)


def _beginning(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_LONGEST).decode(errors="replace")
