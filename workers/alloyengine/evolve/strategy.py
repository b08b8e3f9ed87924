"""CMA-ES in a box: where to look next, given how good the last candidates were.

Hansen, "The CMA evolution strategy: a tutorial", arXiv 1604.00772; the `cma` package. It searches
without bounds; its points are brought into the box by a smooth transform, the identity but near the
edges. Only the order of candidates counts, so their scores may be of any kind.
"""

import math
from collections.abc import Sequence
from typing import Any
from warnings import catch_warnings

from alloyengine.spec.space import Point

_NARROW = 1e-3  # of every range: what is left to search has no effect on an answer


class Strategy:
    """Asked and told by turns. The same seed and the same answers give the same questions."""

    def __init__(self, start: Point, step: float, seed: int, population: int | None = None) -> None:
        import numpy as np

        with catch_warnings(action="ignore"):  # about plots, which nobody wants of it
            import cma
            from cma.transformations import BoxConstraintsLinQuadTransformation

        self._size = len(start)
        self._box = BoxConstraintsLinQuadTransformation([[0.0, 1.0]])
        numbers = np.random.default_rng(seed)
        options: dict[str, Any] = {
            "randn": lambda rows, columns: numbers.standard_normal((rows, columns)),
            "seed": math.nan,  # the numbers above have their own
            "verbose": -10,  # neither words nor orders from files
            "verb_log": 0,
        }
        if population is not None:
            options["popsize"] = population
        # It can't do with one dimension; a second one changes nothing.
        inside = [*start, 0.5] if self._size == 1 else list(start)
        self._cma = cma.CMAEvolutionStrategy(self._box.inverse(np.array(inside)), step, options)
        self._asked: list[Any] = []

    @property
    def population(self) -> int:
        """Candidates a generation."""
        return int(self._cma.popsize)

    @property
    def spread(self) -> float:
        """The widest standard deviation, as a share of its range."""
        return float(max(self._cma.stds[: self._size]))

    @property
    def narrow(self) -> bool:
        """Is there nothing left to search?"""
        return self.spread < _NARROW

    def ask(self) -> list[tuple[float, ...]]:
        """The points of a generation, in the box."""
        self._asked = self._cma.ask()
        boxed = (self._box.transform(point.copy()) for point in self._asked)
        return [tuple(map(float, point[: self._size])) for point in boxed]

    def tell(self, ranks: Sequence[float]) -> None:
        """How good the points were that were asked last: the better, the smaller."""
        self._cma.tell(self._asked, list(ranks))


def ranked(values: Sequence[float | None]) -> list[float]:
    """Places from 0, the largest first; equal ones share theirs, None comes last."""
    known = sorted({value for value in values if value is not None}, reverse=True)
    places = {value: float(place) for place, value in enumerate(known)}
    return [float(len(known)) if value is None else places[value] for value in values]
