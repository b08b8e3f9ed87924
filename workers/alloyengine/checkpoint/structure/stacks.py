"""Finds the stacks of layers among the names of a model's tensors."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.structure.counts import Config, Stack, counted
from alloyengine.checkpoint.structure.words import kind, words

_CALLED_LAYERS = re.compile(r"(?:layers?|blocks?)$|(?:^|\.)h$")
_FEWEST = 4  # a list may have gaps (layers without tensors), but not more gaps than this to one


@dataclass(frozen=True)
class Place:
    """A tensor in a layer. `rest` is its name in there: `self_attn.q_proj.weight`."""

    stack: Stack
    layer: int
    rest: str

    def at(self, layer: int) -> str:
        """The name of the same tensor in another layer."""
        return ".".join(filter(None, (self.stack.prefix, str(layer), self.rest)))


@dataclass
class _List:
    """Something numbered, found in the names."""

    numbers: set[int]
    holds_modules: bool = False  # not mere parameters, as a numbered row of linear layers does


def find_stacks(config: Config, tensors: Mapping[str, TensorInfo]) -> tuple[Stack, ...]:
    """The outermost stacks, the main one (text; a decoder if there is one; the largest) first."""
    found: dict[str, Stack] = {}
    for prefix, numbered in sorted(_lists(tensors).items(), key=lambda item: item[0].count(".")):
        if not _inside(prefix, found) and (length := _length(config, prefix, numbered)):
            found[prefix] = Stack(prefix, length)
    sizes = _sizes(found, tensors)
    decodes = any("decoder" in words(prefix) for prefix in found)
    return tuple(sorted(found.values(), key=lambda stack: _rank(stack.prefix, sizes, decodes)))


def parts_of(name: str) -> Iterable[tuple[str, int, str]]:
    """Every way to read a name as prefix, number, rest; from the outside in."""
    parts = name.split(".")
    for at, part in enumerate(parts):
        if part.isascii() and part.isdecimal() and len(part) < 7:
            yield ".".join(parts[:at]), int(part), ".".join(parts[at + 1 :])


def _lists(names: Iterable[str]) -> dict[str, _List]:
    found: dict[str, _List] = defaultdict(lambda: _List(set()))
    for name in names:
        for prefix, number, rest in parts_of(name):
            found[prefix].numbers.add(number)
            found[prefix].holds_modules |= "." in rest
    return found


def _inside(prefix: str, stacks: Iterable[str]) -> bool:
    return any(prefix.startswith(f"{stack}.") for stack in stacks)


def _length(config: Config, prefix: str, found: _List) -> int | None:
    """How many layers the list has; None when it is no stack of layers.

    The config may leave its default unsaid; then the list's name must do.
    """
    length = max(found.numbers) + 1
    if not found.holds_modules or length > _FEWEST * len(found.numbers):
        return None
    if known := counted(config, prefix, length):
        return known
    complete = length == len(found.numbers)
    return length if complete and _CALLED_LAYERS.search(prefix) else None


def _sizes(stacks: Iterable[str], tensors: Mapping[str, TensorInfo]) -> dict[str, int]:
    sizes = dict.fromkeys(stacks, 0)
    for name, info in tensors.items():
        for prefix, _, _ in parts_of(name):
            if prefix in sizes:
                sizes[prefix] += info.numel
    return sizes


def _rank(prefix: str, sizes: Mapping[str, int], decodes: bool) -> tuple[int, bool, int, str]:
    kinds = ("text", None, "vision", "audio")
    encodes = decodes and "encoder" in words(prefix)
    return kinds.index(kind(words(prefix))), encodes, -sizes[prefix], prefix
