"""Why two models can't be merged tensor by tensor, in as few findings as there are reasons."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.structure.counts import Config, scopes
from alloyengine.checkpoint.structure.model import Structure
from alloyengine.checkpoint.structure.words import words

Tensors = Mapping[str, TensorInfo]
Kind = Literal["architecture", "prefix", "size", "vocabulary", "head", "missing", "shape", "dtype"]
_SIZES = {"size", "dim", "heads", "embd", "model", "ff", "ffn", "inner", "experts", "rank", "kv"}
_NO_SIZES = {"vocab", "type", "image", "patch", "chunk", "block", "group", "tok"}
_NUMBER = re.compile(r"\.\d+(?=\.)")
_NO_FLOATS = ("I", "U", "BOOL")


@dataclass(frozen=True)
class Mismatch:
    """One reason. `tensors` are all that it stops, in order."""

    kind: Kind
    message: str
    remedy: str
    tensors: tuple[str, ...]


def explain(
    structure_a: Structure,
    tensors_a: Tensors,
    structure_b: Structure,
    tensors_b: Tensors,
    names: tuple[str, str] = ("the first model", "the second model"),
) -> list[Mismatch]:
    """What stops the models from being merged; empty when nothing does.

    Float types may differ, and so may tensors that a file can leave out: see `is_spare`.
    """
    a = _Side(names[0], structure_a, tensors_a)
    b = _Side(names[1], structure_b, tensors_b)
    if strangers := _strangers(a, b):
        return [strangers]
    found = [*_sizes(a, b), *_vocabularies(a, b), *_heads(a, b), *_heads(b, a)]
    told = {name for mismatch in found for name in mismatch.tensors}
    return [
        *found,
        *_missing(a, b, told),
        *_missing(b, a, told),
        *_shapes(a, b, told),
        *_types(a, b),
    ]


@dataclass(frozen=True, eq=False)
class _Side:
    name: str
    structure: Structure
    tensors: Tensors

    def body(self, name: str) -> tuple[int, ...]:
        """The shape, but for the dimension that counts tokens."""
        axis = self.structure.vocabulary_axis(name)
        shape = self.tensors[name].shape
        return tuple(size for at, size in enumerate(shape) if at != axis)

    def lacks(self, other: "_Side") -> list[str]:
        """What the other has and can't do without."""
        names = [name for name in other.tensors if name not in self.tensors]
        return [name for name in names if not other.structure.is_spare(name)]


def _strangers(a: _Side, b: _Side) -> Mismatch | None:
    """Models that have little in common, or all but the beginning of the names."""
    ours, theirs = ({_pattern(name) for name in side.tensors} for side in (a, b))
    least = min(len(ours), len(theirs))
    if 2 * len(ours & theirs) >= least:
        return None
    tensors = tuple(sorted(set(a.tensors) ^ set(b.tensors)))
    for long, short, side in ((ours, theirs, a), (theirs, ours, b)):
        for start in sorted({name.partition(".")[0] + "." for name in long}):
            if 2 * len({name.removeprefix(start) for name in long} & short) >= least:
                message = f"Names of {side.name} begin with {start!r}, those of the other don't."
                return Mismatch("prefix", message, "Save both from the same model class.", tensors)
    types = [str(side.structure.config.get("model_type", "unknown")) for side in (a, b)]
    message = f"{a.name} is of type {types[0]}, {b.name} of type {types[1]}; few tensors agree."
    return Mismatch("architecture", message, "Merge models of one architecture.", tensors)


def _sizes(a: _Side, b: _Side) -> Iterator[Mismatch]:
    """Depth and width, as the configs and the stacks say, in one finding."""
    depths, deeper = _depths(a, b)
    unlike = {name for name in a.tensors.keys() & b.tensors.keys() if a.body(name) != b.body(name)}
    widths = _widths(a.structure.config, b.structure.config) if unlike else []
    if depths or widths:
        said = ", ".join([*depths, *widths])
        message = f"{a.name} and {b.name} are of different size: {said}."
        slices = ", or name in slices which layers to take" if depths and not widths else ""
        tensors = tuple(sorted(deeper | unlike if widths else deeper))
        yield Mismatch("size", message, f"Merge models of one size{slices}.", tensors)


def _depths(a: _Side, b: _Side) -> tuple[list[str], set[str]]:
    """What is to say of the stacks' lengths, and the tensors beyond the shorter's end."""
    lengths = {stack.prefix: stack.length for stack in b.structure.stacks}
    said: list[str] = []
    beyond: set[str] = set()
    for stack in a.structure.stacks:
        length = lengths.get(stack.prefix, stack.length)
        if length != stack.length:
            said.append(f"{stack.length} and {length} layers in {stack.prefix}")
            both = a.tensors.keys() | b.tensors.keys()
            beyond |= set(_beyond(stack.prefix, min(length, stack.length), both))
    return said, beyond


def _beyond(prefix: str, length: int, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        number = name.removeprefix(f"{prefix}.").partition(".")[0]
        if name.startswith(f"{prefix}.") and number.isdecimal() and int(number) >= length:
            yield name


def _widths(a: Config, b: Config) -> list[str]:
    """The sizes that the configs give differently: `hidden_size 576 and 960`."""
    theirs = {scope.path: scope.entries for scope in scopes(b)}
    return [
        f"{key} {value} and {theirs[scope.path][key]}"
        for scope in scopes(a)
        for key, value in scope.entries.items()
        if words(key) & _SIZES and not words(key) & _NO_SIZES and type(value) is int
        if scope.path in theirs and value != theirs[scope.path].get(key, value)
    ]


def _vocabularies(a: _Side, b: _Side) -> Iterator[Mismatch]:
    sizes = a.structure.found.size, b.structure.found.size
    both = set(a.structure.vocabulary()) & set(b.structure.vocabulary())
    if None not in sizes and sizes[0] != sizes[1]:
        message = f"{a.name} has {sizes[0]} tokens, {b.name} {sizes[1]}."
        remedy = "Set tokenizer_source: union (the tokens of all) or base (those of the base)."
        yield Mismatch("vocabulary", message, remedy, tuple(sorted(both)))


def _heads(a: _Side, b: _Side) -> Iterator[Mismatch]:
    """One has an output head of its own, the other uses its embedding."""
    head = b.structure.head
    if head and a.structure.embedding and not a.structure.head and not b.structure.tied:
        message = f"{b.name} has an output head ({head}), {a.name} uses its embedding as one."
        remedy = f"Take {a.name} as base to leave the head out, or save {a.name} with a head."
        yield Mismatch("head", message, remedy, (head,))


def _missing(a: _Side, b: _Side, told: set[str]) -> Iterator[Mismatch]:
    groups = _grouped(name for name in a.lacks(b) if name not in told)
    fused = any(".experts." in name for name in b.lacks(a))
    for pattern, names in groups.items():
        message = f"{b.name} has {_called(pattern, names)}, which {a.name} lacks."
        remedy = "Merge models of one architecture."
        if fused and ".experts." in pattern:
            remedy = "Save both with one version of transformers: experts alone, or all in one."
        yield Mismatch("missing", message, remedy, names)


def _shapes(a: _Side, b: _Side, told: set[str]) -> Iterator[Mismatch]:
    both = [name for name in a.tensors if name in b.tensors and name not in told]
    groups = _grouped(name for name in both if a.body(name) != b.body(name))
    for pattern, names in groups.items():
        ours, theirs = (list(side.tensors[names[0]].shape) for side in (a, b))
        message = f"{_called(pattern, names)} is {ours} in {a.name} but {theirs} in {b.name}."
        yield Mismatch("shape", message, "Merge models of one architecture and size.", names)


def _types(a: _Side, b: _Side) -> Iterator[Mismatch]:
    """Numbers of both can be averaged only when both or neither are floats."""
    for name in a.tensors.keys() & b.tensors.keys():
        ours, theirs = a.tensors[name].dtype, b.tensors[name].dtype
        if ours.startswith(_NO_FLOATS) != theirs.startswith(_NO_FLOATS):
            message = f"{name!r} is {ours} in {a.name} but {theirs} in {b.name}."
            yield Mismatch("dtype", message, "Merge models that are not quantised.", (name,))


def _pattern(name: str) -> str:
    """The name without the numbers of layers and experts."""
    return _NUMBER.sub(".*", name)


def _grouped(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[_pattern(name)].append(name)
    return {pattern: tuple(found) for pattern, found in groups.items()}


def _called(pattern: str, names: tuple[str, ...]) -> str:
    return repr(names[0]) if len(names) == 1 else f"{pattern!r} ({len(names)} tensors)"
