"""The remedy for a name that is not known."""

from collections.abc import Sequence
from difflib import get_close_matches

_LONGEST = 80  # characters that are compared


def nearest(name: str, known: Sequence[str]) -> str:
    """The name that was meant, or all there are."""
    close = get_close_matches(name[:_LONGEST], known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"There are {', '.join(known)}." if known else "Remove it: there are none."
