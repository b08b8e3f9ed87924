"""Finds the tensors that have a row for every token."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.structure.counts import Config, candidates
from alloyengine.checkpoint.structure.words import words

_INPUT = re.compile(r"embed|(?:^|\.)(?:wte|shared)\.|(?:^|[._])emb\.")
_OUTPUT = re.compile(r"embed_out|unembed|lm_head")
_OTHER = {"position", "positions", "pos", "wpe", "type", "segment", "relative", "rel"} | {
    "project",
    "projection",
    "mapping",
    "norm",
}


@dataclass(frozen=True)
class Vocabulary:
    """`axes` gives the dimension of each tensor that counts tokens; 0 but for [1, tokens]."""

    size: int | None
    embedding: str | None
    head: str | None
    axes: Mapping[str, int]


def find_vocabulary(
    config: Config, outside: Mapping[str, TensorInfo], main: str, others: frozenset[str]
) -> Vocabulary:
    """Looks among the tensors outside the layers, but for `others`, which have no tokens.

    The config's vocab_size helps to find the input embedding; its rows are then believed.
    """
    tensors = {name: info for name, info in outside.items() if name not in others}
    embedding = _embedding(tensors, stated_size(config, main))
    if embedding is None:
        return Vocabulary(None, None, None, {})
    size, width = tensors[embedding].shape
    axes = {}
    for name, info in tensors.items():
        axis = _axis(name, info.shape, size, width)
        if axis is not None:
            axes[name] = axis
    return Vocabulary(size, embedding, _head(tensors, axes, embedding), axes)


def stated_size(config: Config, main: str) -> int | None:
    """The config's vocab_size, of the model that the main stack belongs to."""
    for scope in candidates(config, main):
        value = scope.entries.get("vocab_size")
        if type(value) is int and value > 0:
            return value
    return None


def is_input(name: str) -> bool:
    """Is it called an embedding of tokens?"""
    named = _INPUT.search(name) and not _OUTPUT.search(name)
    return bool(named) and not words(name) & _OTHER


def _embedding(tensors: Mapping[str, TensorInfo], stated: int | None) -> str | None:
    """Rows as stated count most, then a name that says so, then the most rows."""
    weights = {name: info for name, info in tensors.items() if name.endswith("weight")}
    matrices = {name: info.shape[0] for name, info in weights.items() if len(info.shape) == 2}
    named = [name for name in matrices if is_input(name)]
    right = [name for name in named if matrices[name] == stated]
    if right or named:
        return min(right or named, key=lambda name: (-matrices[name], _shallow(name)))
    silent = [name for name, rows in matrices.items() if rows == stated and _unnamed(name)]
    return min(silent, key=_shallow, default=None)


def _head(tensors: Mapping[str, TensorInfo], axes: Mapping[str, int], embedding: str) -> str | None:
    """A matrix [tokens, width] that is no embedding; by its name also one of other tokens."""
    width = tensors[embedding].shape[1]
    matrices = [name for name, info in tensors.items() if info.shape[1:] == (width,)]
    heads = [name for name in matrices if axes.get(name) == 0 and not is_input(name)]
    heads = [name for name in heads if name != embedding] or [
        name for name in matrices if _OUTPUT.search(name) and name.endswith("head.weight")
    ]
    return min(heads, key=_shallow, default=None)


def _unnamed(name: str) -> bool:
    return not _OUTPUT.search(name) and not words(name) & _OTHER


def _axis(name: str, shape: tuple[int, ...], size: int, width: int) -> int | None:
    """Any matrix or bias of that many rows, unless its name speaks of something else."""
    if words(name) & _OTHER:
        return None
    if shape == (1, size):
        return 1
    certain = size != width or is_input(name) or _OUTPUT.search(name)
    return 0 if len(shape) in (1, 2) and shape[0] == size and certain else None


def _shallow(name: str) -> tuple[int, str]:
    return name.count("."), name
