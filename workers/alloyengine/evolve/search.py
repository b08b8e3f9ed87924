"""Generation after generation: ask CMA-ES for points, score their recipes, tell it which were better."""

from collections.abc import Iterator, Sequence
from itertools import count

from alloyengine.errors import InputError, Stopped
from alloyengine.evolve.crowd import Alone, Hands, Task
from alloyengine.evolve.history import Candidate, History
from alloyengine.evolve.scoring import Hopeless
from alloyengine.evolve.selection import Candidates, best_of, hopeless, leading, ranks
from alloyengine.evolve.strategy import Strategy
from alloyengine.evolve.told import CANDIDATES, told
from alloyengine.evolve.trial import Trials
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.space import Point, start_of


class Search:
    """One search. What it has tried so far is its history."""

    def __init__(self, trials: Trials, history: History, hands: Hands | None = None) -> None:
        self._hands, self._history = hands or Alone(trials), history
        self._spec: EvolveSpec = trials.spec
        self._report: Reporter = trials.report
        self._start = start_of(self._spec.recipe, self._spec.search)
        spec = self._spec
        self._strategy = Strategy(self._start, spec.step, spec.seed, spec.population)

    def run(self) -> str:
        """Why it ended. Raises Stopped; InputError when there is nothing to go by, such as a start that
        can't be scored.
        """
        try:
            return self._run()
        except Stopped:
            self._history.mark()
            raise

    @property
    def best(self) -> list[Candidate]:
        return best_of(self._spec, self._history.candidates)

    def _run(self) -> str:
        before = self._try([self._start], 0, None)
        for generation in count(1):
            tried = list[Candidate]()
            for wave in _waves(self._strategy.ask(), self._hands.size):
                if why := self._spent():
                    return why
                chosen = wave[: self._left()]
                tried += self._try(chosen, generation, self._hopeless(tried, before))
            self._check(tried)
            earlier = self._history.candidates[: -len(tried)]
            self._strategy.tell(ranks(self._spec, tried, earlier))
            self._tell(generation, tried)
            self._history.mark()
            if why := self._ended(generation):
                return why
            before = tried
        raise RuntimeError("generations without end have ended")

    def _try(
        self, wave: Sequence[Point], generation: int, doomed: Hopeless | None
    ) -> list[Candidate]:
        """Remembered, or made and scored: those of a wave at once."""
        first, found = len(self._history.candidates), list[Candidate]()
        while len(found) < len(wave) and (known := self._history.recall(tuple(wave[len(found)]))):
            found.append(known)
        tasks = [
            Task(first + place, generation, point, doomed)
            for place, point in enumerate(wave)
            if place >= len(found)
        ]
        for candidate in self._hands.score(tasks) if tasks else ():
            self._history.keep(candidate)
            if candidate.failure:
                told = f"Candidate {candidate.number} failed: {candidate.failure}"
                self._report.log(told, "warning")
            found.append(candidate)
        done, total = self._progress()
        self._report.progress("Evolving", done, total)
        return found

    def _hopeless(self, tried: Candidates, before: Candidates) -> Hopeless | None:
        half = self._strategy.population // 2
        return hopeless(self._spec, half, tried, before, self._history.candidates)

    def _check(self, tried: Candidates) -> None:
        """InputError when there is nothing to go by."""
        if all(each.score is None for each in tried):
            raise InputError(
                "search_failed",
                f"All {len(tried)} candidates of a generation failed. The last: {tried[-1].failure}",
                "Narrow the ranges, or mend what is named.",
            )
        if all(each.silent for each in self._history.candidates):
            raise InputError(
                "model_silent",
                "No candidate has said a word to any question.",
                "Check that the models have the chat template they were trained with, and allow "
                "longer answers (max_new_tokens).",
            )

    def _tell(self, generation: int, tried: Candidates) -> None:
        scores = [each.score for each in tried if each.score is not None]
        best, mean = self.best[0].score or 0.0, sum(scores) / len(scores)
        self._report.metric("best", generation, best)
        self._report.metric("mean", generation, mean)
        self._report.metric("spread", generation, self._strategy.spread)
        self._report.report(CANDIDATES, told(self._history.candidates))
        given_up = sum(not each.whole for each in tried)
        self._report.log(
            f"Generation {generation}: mean {mean:.4f}, best so far {best:.4f}"
            + (f", {given_up} of {len(tried)} given up early." if given_up else ".")
        )

    def _progress(self) -> tuple[int, int]:
        """By whichever limit is nearer."""
        budget, done = self._spec.budget, len(self._history.candidates)
        spent = (round(self._seconds), round((budget.minutes or 0) * 60))
        counted = (done, budget.evaluations or 0)
        known = [pair for pair in (counted, spent) if pair[1]] or [(done, done)]
        return max(known, key=lambda pair: pair[0] / pair[1])

    @property
    def _seconds(self) -> float:
        """On the clock, about: several at once take the time of one."""
        return sum(each.seconds for each in self._history.candidates) / self._hands.size

    def _left(self) -> int | None:
        """So many may yet be tried; None: any number."""
        most = self._spec.budget.evaluations
        return most and most - len(self._history.candidates)

    def _spent(self) -> str:
        budget = self._spec.budget
        if budget.evaluations and len(self._history.candidates) >= budget.evaluations:
            return f"all {budget.evaluations} evaluations are done"
        if budget.minutes and self._seconds >= budget.minutes * 60:
            return f"the {budget.minutes:g} minutes are over"
        return ""

    def _ended(self, generation: int) -> str:
        patience = self._spec.budget.patience
        found = leading(self._spec, self._history.candidates)
        newest = max(each.generation for each in found)
        if patience and generation - newest >= patience:
            return f"there was nothing better for {patience} generations"
        if self._strategy.narrow:
            return "there is nothing left to search: all candidates are alike"
        return ""


def _waves(points: Sequence[Point], size: int) -> Iterator[Sequence[Point]]:
    """Those that are tried at once."""
    for start in range(0, len(points), size):
        yield points[start : start + size]
