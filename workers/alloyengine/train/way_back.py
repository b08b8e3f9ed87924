"""The way back from a tuned model to its base, and the search for the best place on it. Pure.

A model that learned a task lost something of what it could before. Between its weights and the base's
lie models that keep most of the one and get most of the other back: Wortsman et al., "Robust
fine-tuning of zero-shot models", arXiv 2109.01903.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

_FIRST = (0.0, 1.0, 0.75, 0.5, 0.25)
_MORE = 5  # places looked at after these
_CLOSE = 0.01  # places nearer than this to each other are the same


@dataclass(frozen=True)
class Point:
    """A place between base (weight 0) and tuned model (weight 1).

    The general loss is in nats a token, the task's in whatever its objective counts.
    """

    weight: float
    general: float
    task: float


@dataclass(frozen=True)
class Found:
    """All places looked at, by their weights, and the best of them."""

    points: tuple[Point, ...]
    best: Point

    @property
    def base(self) -> Point:
        return self.points[0]

    @property
    def tuned(self) -> Point:
        return self.points[-1]

    @property
    def learned(self) -> bool:
        return self.tuned.task < self.base.task

    @property
    def forgot(self) -> bool:
        return self.tuned.general > self.base.general

    def kept(self, point: Point) -> float | None:
        """The share of what was learned that is left there; None when nothing was learned."""
        gain = self.base.task - self.tuned.task
        return (self.base.task - point.task) / gain if self.learned else None

    def recovered(self, point: Point) -> float | None:
        """The share of what was forgotten that is back there; None when nothing was forgotten."""
        loss = self.tuned.general - self.base.general
        return (self.tuned.general - point.general) / loss if self.forgot else None


def search(look: Callable[[float], Point], keep: float) -> Found:
    """Where the general loss is least, of the places that keep at least `keep` (0 to 1) of the task's
    improvement. It is the tuned model itself when nothing was learned or
    nothing forgotten.

    Five places evenly apart; then, again and again, the middle between the best and its neighbour:
    the one where too little is kept, for the border is between them, else the one further away.
    """
    seen = {weight: look(weight) for weight in _FIRST}
    for _ in range(_MORE):
        found = _best(seen.values(), keep)
        weight = _next(found, keep) if found.learned and found.forgot else None
        if weight is None:
            break
        seen[weight] = look(weight)
    return _best(seen.values(), keep)


def places() -> int:
    """How many are looked at, at most."""
    return len(_FIRST) + _MORE


def _best(points: Iterable[Point], keep: float) -> Found:
    ordered = tuple(sorted(points, key=lambda point: point.weight))
    found = Found(ordered, ordered[-1])
    if not (found.learned and found.forgot):
        return found
    allowed = [point for point in ordered if _is_kept(found, point, keep)]
    # Of equally good places the nearest to the tuned model.
    best = min(allowed, key=lambda point: (point.general, -point.weight))
    return Found(ordered, best)


def _is_kept(found: Found, point: Point, keep: float) -> bool:
    kept = found.kept(point)
    return kept is not None and (kept >= keep or point is found.tuned)


def _next(found: Found, keep: float) -> float | None:
    """Between the best place and one beside it; None when both are close."""
    here = found.points.index(found.best)
    beside = [
        found.points[place] for place in (here - 1, here + 1) if 0 <= place < len(found.points)
    ]
    border = [point for point in beside if not _is_kept(found, point, keep)]
    wide = [point for point in border or beside if _gap(point, found.best) > _CLOSE]
    if not wide:
        return None
    other = max(wide, key=lambda point: _gap(point, found.best))
    return (other.weight + found.best.weight) / 2


def _gap(a: Point, b: Point) -> float:
    return abs(a.weight - b.weight)
