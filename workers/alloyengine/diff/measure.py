"""Measures where models differ.

With a base, on their task vectors, the changes from the base (arXiv 2212.04089): merging adds
these up, and loses most where they point apart (arXiv 2306.01708). Without, on the weights.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import methodcaller
from typing import Any

import numpy as np

from alloyengine.diff.lineup import Lineup, line_up
from alloyengine.diff.maps import Figure, Maps, figured
from alloyengine.diff.moments import Moments, moments, top_of
from alloyengine.diff.walk import Arrays, Part, Shared, parts_of, sample_of, walk
from alloyengine.errors import InputError
from alloyengine.merge.declare import pairs
from alloyengine.merge.members import Member
from alloyengine.report import Reporter

MOST_MODELS = 8
PHASE = "Comparing"
MEETING = ("cosine", "conflict", "weighted_conflict", "overlap")
Vectors = Callable[[Arrays], tuple[np.ndarray, Arrays]]
"""Of the models' arrays: what lengths are relative to, and the vectors to measure."""
Read = Callable[[Figure], Any]


def interference(base: Member, models: Sequence[Member], report: Reporter) -> dict[str, Any]:
    """How the models' task vectors meet, as a map; a matrix is modules × layers, with None where
    there is nothing.

    {"base": reference, "models": [references], "stack": [layers], "modules": [names],
     "norm": {model: matrix of ‖model − base‖ / ‖base‖},
     "pairs": [{"a", "b", "cosine", "conflict", "weighted_conflict", "overlap": matrices}],
     "outside": the same of the modules outside the layers, with lists in place of matrices,
     "total": the same of the whole models, with numbers,
     "skipped": [{"tensor", "why"}]}

    Memory does not grow with the models. Raises InputError, Stopped.
    """
    names = _names(models)
    lineup = line_up([base, *models])
    lineup.tell(report)
    maps = Maps.of(_measure(lineup, _task_vectors, report), base.structure)
    figures = partial(_meetings, names)
    return {
        "base": base.reference,
        "models": names,
        "stack": maps.grid.layers,
        "modules": maps.grid.modules,
        **figures(maps.matrix),
        "outside": {"modules": maps.grid.outside, **figures(maps.column)},
        "total": figures(maps.total),
        "skipped": [vars(item) for item in lineup.skipped],
    }


def difference(a: Member, b: Member, report: Reporter) -> dict[str, Any]:
    """How far two models are apart, ‖a − b‖ / ‖a‖, and the cosine of the angle between them.

    {"a", "b": references, "stack": [layers], "modules": [names],
     "difference", "cosine": matrices, "layers", "total", "outside": {"difference", "cosine"},
     "tensors": {name: {"difference", "cosine"}}, "skipped": [{"tensor", "why"}]}

    Shaped and raising like `interference`.
    """
    lineup = line_up([a, b])
    lineup.tell(report)
    tensors = _measure(lineup, _weights_and_difference, report)
    maps = Maps.of(tensors, a.structure)
    return {
        "a": a.reference,
        "b": b.reference,
        "stack": maps.grid.layers,
        "modules": maps.grid.modules,
        **_apart(maps.matrix),
        "layers": _apart(maps.by_layer),
        "outside": {"modules": maps.grid.outside, **_apart(maps.column)},
        "total": _apart(maps.total),
        "tensors": {name: _apart(partial(figured, found)) for name, found in tensors.items()},
        "skipped": [vars(item) for item in lineup.skipped],
    }


def _names(models: Sequence[Member]) -> list[str]:
    names = [model.reference for model in models]
    if not 1 <= len(names) <= MOST_MODELS:
        raise InputError(
            "models_count",
            f"{len(names)} models can't be compared with a base.",
            f"Name 1 to {MOST_MODELS}.",
        )
    if len(set(names)) < len(names):
        raise InputError("models_twice", "A model is named twice.", "Name each once.")
    return names


def _meetings(names: Sequence[str], read: Read) -> dict[str, Any]:
    return {
        "norm": {name: read(methodcaller("norm", number)) for number, name in enumerate(names)},
        "pairs": [
            {"a": names[a], "b": names[b]}
            | {figure: read(methodcaller(figure, a, b)) for figure in MEETING}
            for a, b in pairs(range(len(names)))
        ],
    }


def _apart(read: Read) -> dict[str, Any]:
    return {
        "difference": read(methodcaller("norm", 2)),
        "cosine": read(methodcaller("cosine", 0, 1)),
    }


def _task_vectors(arrays: Arrays) -> tuple[np.ndarray, Arrays]:
    base, *models = arrays
    for model in models:
        model -= base
    return base, models


def _weights_and_difference(arrays: Arrays) -> tuple[np.ndarray, Arrays]:
    a, b = arrays
    return a, [a.copy(), b, b - a]


def _measure(lineup: Lineup, vectors: Vectors, report: Reporter) -> dict[str, Moments]:
    """The moments of every tensor."""

    @lru_cache(maxsize=32)
    def tops(tensor: Shared) -> list[float]:
        return [top_of(vector) for vector in vectors(sample_of(tensor))[1]]

    def look(part: Part) -> Moments:
        found = [moments(*vectors(block), tops(part.tensor)) for block in part.blocks()]
        return sum(found[1:], found[0])

    parts = [part for tensor in lineup.tensors for part in parts_of(tensor)]
    found: dict[str, Moments] = {}
    for part, seen in zip(parts, walk(parts, look, PHASE, report), strict=True):
        name = part.tensor.name
        found[name] = found[name] + seen if name in found else seen
        if not seen.finite:
            raise InputError(
                "not_finite",
                f"{name!r} holds infinite or undefined numbers in one of the models.",
                "Export the model again.",
            )
    return found
