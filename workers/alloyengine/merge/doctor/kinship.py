"""Whether models descend from one another, told from a sample of their weights.

Fine-tuning moves weights by little: models of one family lie close together, unrelated ones stand
at right angles. An ancestor lies between its descendants: each moved its own way, so their changes
are nearly at right angles and ‖a − b‖² ≈ ‖a − c‖² + ‖b − c‖² (the "task vectors" of Ilharco et al.,
arXiv 2212.04089, section 2, are nearly orthogonal).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from alloyengine.merge.arrays import Array, decode
from alloyengine.merge.members import Member

_TENSORS, _ELEMENTS = 32, 1 << 14
_RELATED = 0.7  # of a weight's length; continued pre-training stays below, strangers are at √2
_SQUARE = 0.35  # how far the sum of squares may be off


@dataclass(frozen=True)
class Kinship:
    """Distances between models, as shares of a model's length: 0 is equal, √2 unrelated."""

    distances: Mapping[tuple[str, str], float]
    ancestor: str | None  # the model that the others were made from, if one of them is

    def strangers(self) -> list[tuple[str, str]]:
        return [pair for pair, distance in self.distances.items() if distance > _RELATED]

    def equals(self) -> list[tuple[str, str]]:
        return [pair for pair, distance in self.distances.items() if distance == 0]


def kinship(members: Mapping[str, Member]) -> Kinship | None:
    """Reads a few megabytes of each model. None when they have no tensors in common."""
    tensors = _common(list(members.values()))
    if len(members) < 2 or not tensors:
        return None
    samples = {name: _sample(member, tensors) for name, member in members.items()}
    return between(samples)


def between(samples: Mapping[str, Array]) -> Kinship:
    """From equally long samples, float32 [n], of every model."""
    distances = {(a, b): _distance(samples[a], samples[b]) for a, b in combinations(samples, 2)}
    return Kinship(distances, _ancestor(list(samples), distances))


def _distance(a: Array, b: Array) -> float:
    length = max(_norm(a), _norm(b))
    return _norm(a - b) / length if length else 0.0


def _norm(a: Array) -> float:
    return float(np.sqrt(np.square(a, dtype=np.float64).sum()))


def _ancestor(names: Sequence[str], distances: Mapping[tuple[str, str], float]) -> str | None:
    def between_two(a: str, b: str) -> float:
        return distances.get((a, b)) or distances.get((b, a)) or 0.0

    if len(names) < 3 or max(distances.values()) > _RELATED or 0 in distances.values():
        return None
    for name in names:
        others = [other for other in names if other != name]
        if all(
            abs(between_two(name, a) ** 2 + between_two(name, b) ** 2 - between_two(a, b) ** 2)
            < _SQUARE * between_two(a, b) ** 2
            for a, b in combinations(others, 2)
        ):
            return name
    return None


def _common(members: Sequence[Member]) -> list[str]:
    """Some matrices that all models have in one shape, from all over the model."""
    first, *others = members
    found = [
        name
        for name, info in first.tensors.items()
        if len(info.shape) > 1
        and first.structure.vocabulary_axis(name) is None
        and all(name in m.tensors and m.tensors[name].shape == info.shape for m in others)
    ]
    step = max(1, len(found) // _TENSORS)
    return found[::step][:_TENSORS]


def _sample(member: Member, tensors: Sequence[str]) -> Array:
    return np.concatenate([_middle(member, name) for name in tensors])


def _middle(member: Member, tensor: str) -> Array:
    """Consecutive numbers from the middle of a tensor, scaled to the tensor's own size."""
    info = member.tensors[tensor]
    count = min(info.numel, _ELEMENTS)
    start = (info.numel - count) // 2
    return decode(member.model.window(tensor, start, start + count), info.dtype)
