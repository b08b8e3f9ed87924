"""What a vocabulary of a merge is: which rows its embeddings have, and which files belong to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Origins = tuple[tuple[str, int], ...]
"""Rows of embeddings, each by model and number, of which the mean is taken. None: zeros."""


@dataclass(frozen=True)
class Run:
    """Consecutive rows of an embedding that come from equally many consecutive rows elsewhere.

    Row `start + i` is the mean of row `first + i` of each origin `(model, first)`, for i < count.
    One origin is a copy; without any, the rows are zeros.
    """

    start: int
    count: int
    origins: Origins


class TokenizerFiles(Protocol):
    """The files of a tokenizer, ready to be written."""

    def save(self, folder: Path) -> None: ...


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary that a merge gives its result."""

    size: int  # rows of the embedding, padding included
    tokens: int  # how many of the rows have a token
    rows: Mapping[str, tuple[Run, ...]]  # every model's embedding in the order of this vocabulary
    special: Mapping[str, Any]  # bos_token_id, ...: what config.json is to say differently
    files: TokenizerFiles
    notes: tuple[str, ...] = ()  # what the user should know

    def save(self, folder: Path) -> None:
        """Writes tokenizer.json, tokenizer_config.json and what else the tokenizer has.

        A generation_config.json that lies there already learns of `special`.
        """
        self.files.save(folder)

    def unchanged(self, model: str) -> bool:
        """Whether a model's embedding stays as it is, but for rows that are cut off at its end."""
        return self.rows[model] == (Run(0, self.size, ((model, 0),)),)
