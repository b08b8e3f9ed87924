"""The structure of one model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.structure.counts import Config, Stack
from alloyengine.checkpoint.structure.spare import is_buffer, is_tied
from alloyengine.checkpoint.structure.stacks import Place, find_stacks, parts_of
from alloyengine.checkpoint.structure.towers import Towers, find_towers
from alloyengine.checkpoint.structure.vocabulary import Vocabulary, find_vocabulary, is_input
from alloyengine.checkpoint.structure.words import kind, words

_BEGINNING = {"embed", "embeddings", "embedding", "embedder", "emb", "wte", "wpe", "shared"} | {
    "position",
    "positions",
    "rotary",
    "relative",
    "pos",
    "pre",
    "patch",
    "conv",
    "conv1",
    "conv2",
    "conv3",
    "feature",
}
# Norms of embeddings by name, yet final ones (LFM2, ESM).
_FINAL = re.compile(r"(?:^|\.)embedding_norm\.weight$|_after\.")


@dataclass(frozen=True, eq=False)
class Structure:
    """Made by `Structure.of`. Names it never saw are treated like those it did."""

    config: Config
    stacks: tuple[Stack, ...]
    towers: Towers
    found: Vocabulary
    tensors: Mapping[str, TensorInfo]

    @classmethod
    def of(cls, config: Config, tensors: Mapping[str, TensorInfo]) -> "Structure":
        stacks = find_stacks(config, tensors)
        towers = find_towers(stacks, tensors)
        by_prefix = {stack.prefix: stack for stack in stacks}
        outside = {name: info for name, info in tensors.items() if _place(name, by_prefix) is None}
        senses = frozenset(
            name for name in outside if kind(words(towers.of(name))) in {"vision", "audio"}
        )
        main = stacks[0].prefix if stacks else ""
        found = find_vocabulary(config, outside, main, senses)
        return cls(config, stacks, towers, found, tensors)

    @property
    def modules(self) -> tuple[str, ...]:
        """The towers, the main one first, then what stands between them."""
        return self.towers.names

    @property
    def embedding(self) -> str | None:
        """The input embedding, [tokens, width]."""
        return self.found.embedding

    @property
    def head(self) -> str | None:
        """The output head, [tokens, width], when the file has one of its own."""
        return self.found.head

    @property
    def tied(self) -> bool:
        """Does the head share the embedding's numbers? A head in the file may be a mere copy."""
        return self.head is None or self._says_tied

    def vocabulary(self) -> tuple[str, ...]:
        """The tensors with a row (see `vocabulary_axis`) for every token."""
        return tuple(self.found.axes)

    def vocabulary_axis(self, name: str) -> int | None:
        """The dimension that counts tokens: 0, or 1 of a bias [1, tokens]; None of the others."""
        return self.found.axes.get(name)

    def place(self, name: str) -> Place | None:
        """The outermost layer that holds the tensor; None of embeddings, final norms and heads."""
        return _place(name, self._by_prefix)

    def module(self, name: str) -> str:
        return self.towers.of(name)

    def is_extra(self, name: str) -> bool:
        """Is it in a layer that the config doesn't count, behind the last of a stack?

        Such layers predict further tokens; models run without them. Their numbers are in the way
        of a stack that grows.
        """
        listed = any(prefix in self._by_prefix for prefix, _, _ in parts_of(name))
        return listed and self.place(name) is None

    def is_after(self, name: str) -> bool:
        """Outside the layers, does it come after them (final norm, head), not before?"""
        if self.place(name) is not None:
            return False
        if self.is_extra(name):
            return True
        if name in self.found.axes:
            return name != self.embedding and not is_input(name)
        return bool(_FINAL.search(name)) or not _BEGINNING & words(name)

    def is_spare(self, name: str) -> bool:
        """May the file do without it? Copies of tied tensors, and buffers that models compute."""
        info = self.tensors.get(name)
        if info is None or name == self.embedding:
            return False
        if is_buffer(name, info.shape):
            return True
        if name == self.head:
            return self._says_tied
        return name in self.found.axes and is_input(name) and self._is_shared(self.embedding)

    def _is_shared(self, embedding: str | None) -> bool:
        """Does it stand above the towers, whose own embeddings are then copies of it?"""
        return embedding is not None and not embedding.startswith(tuple(self.towers.roots))

    @cached_property
    def _says_tied(self) -> bool:
        return is_tied(self.config, self.stacks[0].prefix if self.stacks else "")

    @cached_property
    def _by_prefix(self) -> dict[str, Stack]:
        return {stack.prefix: stack for stack in self.stacks}


def _place(name: str, stacks: Mapping[str, Stack]) -> Place | None:
    for prefix, number, rest in parts_of(name):
        stack = stacks.get(prefix)
        if stack is not None:
            return Place(stack, number, rest) if number < stack.length else None
    return None
