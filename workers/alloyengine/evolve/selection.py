"""Which candidates are better, and which can no longer be. Pure: nothing is made or asked here."""

from collections.abc import Sequence
from dataclasses import dataclass

from alloyengine.evolve.front import dominates, front_of, improvements
from alloyengine.evolve.history import Candidate
from alloyengine.evolve.scoring import Hopeless
from alloyengine.evolve.strategy import ranked
from alloyengine.spec.evolve import EvolveSpec

Candidates = Sequence[Candidate]


def mean(spec: EvolveSpec, worths: Sequence[float]) -> float:
    """Of all tasks, by their weights."""
    weights = [goal.weight for goal in spec.tasks]
    pairs = zip(weights, worths, strict=True)
    return sum(weight * worth for weight, worth in pairs) / sum(weights)


def best_of(spec: EvolveSpec, candidates: Candidates) -> list[Candidate]:
    """Those that answered everything, the best first; of a front, its members alone."""
    whole = _whole(candidates)
    if spec.aim == "front":
        whole = [whole[number] for number in front_of([each.worths for each in whole])]
    return sorted(whole, key=lambda each: (-(each.score or 0.0), each.number))


def leading(spec: EvolveSpec, candidates: Candidates) -> list[Candidate]:
    """The best, or all of the front: what an improvement changes."""
    found = best_of(spec, candidates)
    return found if spec.aim == "front" else found[:1]


@dataclass(frozen=True)
class Dominated:
    """By one of the front, whatever the rest of the answers may be."""

    front: Sequence[tuple[float, ...]]

    def __call__(self, highest: Sequence[float]) -> bool:
        return any(dominates(worths, highest) for worths in self.front)


@dataclass(frozen=True)
class Below:
    """The mean of all tasks, however high it may be."""

    spec: EvolveSpec
    bar: float

    def __call__(self, highest: Sequence[float]) -> bool:
        return mean(self.spec, highest) < self.bar


def hopeless(
    spec: EvolveSpec, half: int, tried: Candidates, before: Candidates, candidates: Candidates
) -> Hopeless | None:
    """Tells what can't be among the better `half` of this generation, as far as it was tried, or of the
    one before; of a front, what one of all `candidates` dominates. None while nothing is to be reached.
    """
    if not spec.racing:
        return None
    if spec.aim == "front":
        return Dominated([each.worths for each in best_of(spec, candidates)])
    bars = [
        sorted(scores, reverse=True)[half - 1]
        for scores in (_scores(_whole(tried)), _scores(before))
        if len(scores) >= half
    ]
    return Below(spec, max(bars)) if bars else None


def ranks(spec: EvolveSpec, tried: Candidates, earlier: Candidates) -> list[float]:
    """Of a generation: the better, the smaller; those that failed come last. Of a front, by what each
    adds to what was found earlier.
    """
    if spec.aim == "sum":
        return ranked([each.score for each in tried])
    scored = [each.worths for each in tried if each.score is not None]
    values = iter(improvements(scored, [each.worths for each in _whole(earlier)]))
    return ranked([None if each.score is None else next(values) for each in tried])


def _whole(candidates: Candidates) -> list[Candidate]:
    return [each for each in candidates if each.whole and each.score is not None]


def _scores(candidates: Candidates) -> list[float]:
    return [each.score for each in candidates if each.score is not None]
