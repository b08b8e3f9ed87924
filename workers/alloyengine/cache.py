"""What is dear to make and may be thrown away, in the user's cache directory.

$XDG_CACHE_HOME/alloyworks, or the same in ~/.cache. Where nothing can be kept, nothing is.
"""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def folder(kind: str) -> Path:
    """Where things of a kind are; it need not be there yet."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "alloyworks" / kind


def keep(place: Path, text: str) -> None:
    """A file, written beside and renamed: it is whole or not there."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile("w", dir=place.parent, delete=False, encoding="utf-8") as draft:
            draft.write(text)
        os.replace(draft.name, place)
