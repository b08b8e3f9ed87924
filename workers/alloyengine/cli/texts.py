"""What people write on the command line and in files beside it: texts, and sizes."""

import re
from pathlib import Path

from alloyengine.errors import InputError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9}


def read_text(path: Path, what: str) -> str:
    """`what` it is, in the words of an error."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{what}_missing", f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{what}_wrong", f"{path} is not a text file.") from None


def bytes_of(text: str) -> int:
    """Of a --shard-size such as 5GB."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgb]?)b?", text.strip().lower())
    size = int(float(found[1]) * _UNITS[found[2]]) if found else 0
    if size < 1:
        raise InputError(
            "shard_size", f"--shard-size {text!r} is no size.", "Write one such as 5GB or 500MB."
        )
    return size
