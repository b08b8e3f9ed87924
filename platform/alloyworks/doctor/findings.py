"""What a check says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """A warning can be lived with; a problem can't."""

    check: str
    level: Level
    words: str
    remedy: str = ""


Findings = Iterator[Finding]


def ok(check: str, words: str) -> Finding:
    return Finding(check, "ok", words)


def warning(check: str, words: str, remedy: str) -> Finding:
    return Finding(check, "warning", words, remedy)


def problem(check: str, words: str, remedy: str) -> Finding:
    return Finding(check, "problem", words, remedy)
