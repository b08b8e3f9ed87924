"""Finds an adapter's modules among a model's tensors, whose names may begin otherwise.

The same model is `model.layers.0.…` to one library and `layers.0.…` to another; GPT-2 on the hub
lacks the `transformer.` that it has in memory.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.weight")


class Misfit(Exception):
    """The adapter is of another model; says why."""

    @classmethod
    def lacks(cls, name: str) -> "Misfit":
        words = f"it changes {name!r}, which the model has not"
        if _HEAD.search(name):
            words += " (one that is tied to the embedding can't change alone)"
        return cls(words)


@dataclass(frozen=True)
class Renaming:
    """One beginning of the adapter's names gives way to one of the model's."""

    theirs: str = ""
    ours: str = ""

    def to_base(self, name: str) -> str:
        """The model's name for a tensor that the adapter calls so."""
        found = name.startswith(self.theirs)
        return self.ours + name[len(self.theirs) :] if found else name


def find_renaming(wanted: Iterable[str], tensors: Collection[str]) -> Renaming:
    """The only one under which the model has all the tensors; Misfit names one that it lacks."""
    wanted = list(wanted)
    missing = next((name for name in wanted if name not in tensors), None)
    if missing is None:
        return Renaming()
    ways = [
        way
        for way in _ways(missing, tensors)
        if all(way.to_base(name) in tensors for name in wanted)
    ]
    if len(ways) > 1:
        raise Misfit(f"{missing!r} could be any of {', '.join(sorted(w.ours for w in ways))}")
    if not ways:
        raise Misfit.lacks(missing)
    return ways[0]


def _ways(name: str, tensors: Collection[str]) -> set[Renaming]:
    """The tensors that end as the name does, the longest such ending found."""
    parts = name.split(".")
    for start in range(_droppable(parts) + 1):
        ending = ".".join(parts[start:])
        hits = [t for t in tensors if t == ending or t.endswith(f".{ending}")]
        if hits:
            theirs = name.removesuffix(ending)
            return {Renaming(theirs, hit.removesuffix(ending)) for hit in hits}
    return set()


def _droppable(parts: list[str]) -> int:
    """How many parts may differ: those before a layer's number and list, or a module's own name."""
    numbers = [at for at, part in enumerate(parts) if part.isdecimal()]
    return max(0, numbers[0] - 1) if numbers else max(0, len(parts) - 2)
