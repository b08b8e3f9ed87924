"""Generation after generation: ask CMA-ES for points, score their recipes, tell it which were better."""

import time
from collections.abc import Sequence
from itertools import count

from alloyengine.errors import InputError, Stopped
from alloyengine.evolve.front import dominates, front_of, improvements
from alloyengine.evolve.goals import Questions, Row
from alloyengine.evolve.history import Answered, Candidate, History
from alloyengine.evolve.maker import Maker
from alloyengine.evolve.scoring import Hopeless, marks_of
from alloyengine.evolve.strategy import Strategy, ranked
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.space import Point, recipe_at, start_of

Asked = list[tuple[Questions, list[Row]]]


class Search:
    """One search. What it has tried so far is its history."""

    def __init__(
        self,
        spec: EvolveSpec,
        maker: Maker,
        goals: Sequence[Questions],
        history: History,
        report: Reporter,
    ) -> None:
        self._spec, self._maker, self._goals = spec, maker, goals
        self._history, self._report = history, report
        self._strategy = Strategy(
            start_of(spec.recipe, spec.search), spec.step, spec.seed, spec.population
        )

    def run(self) -> str:
        """Why it ended. Raises Stopped, and InputError when the start can't be scored: the fault is
        then not a candidate's.
        """
        try:
            return self._run()
        except Stopped:
            self._history.mark()
            raise

    def mean(self, worths: Sequence[float]) -> float:
        """Of all tasks, by their weights."""
        weights = [goal.weight for goal in self._spec.tasks]
        pairs = zip(weights, worths, strict=True)
        return sum(weight * worth for weight, worth in pairs) / sum(weights)

    @property
    def best(self) -> list[Candidate]:
        """Those that answered everything, the best first; of a front, its members alone."""
        whole = [each for each in self._history.candidates if each.whole and each.score is not None]
        if self._spec.aim == "front":
            whole = [whole[number] for number in front_of([each.worths for each in whole])]
        return sorted(whole, key=lambda each: (-(each.score or 0.0), each.number))

    def _run(self) -> str:
        before = [self._try(tuple(start_of(self._spec.recipe, self._spec.search)), 0, None)]
        for generation in count(1):
            asked, tried = self._drawn(generation), list[Candidate]()
            for point in self._strategy.ask():
                if why := self._spent():
                    return why
                hopeless = self._hopeless(tried, before)
                tried.append(self._try(point, generation, hopeless, asked))
            self._check(tried)
            self._strategy.tell(self._ranks(tried))
            self._tell(generation, tried)
            self._history.mark()
            if why := self._ended(generation):
                return why
            before = tried
        raise RuntimeError("generations without end have ended")

    def _drawn(self, generation: int) -> Asked:
        return [(goal, goal.drawn(self._spec.seed, generation)) for goal in self._goals]

    def _try(
        self,
        point: Point,
        generation: int,
        hopeless: Hopeless | None,
        asked: Asked | None = None,
    ) -> Candidate:
        """Remembered, or made and scored. A candidate that fails is one, but for the start."""
        known = self._history.recall(tuple(point))
        if known is None:
            known = self._scored(self._drafted(point, generation), hopeless, asked)
            self._history.keep(known)
        done, total = self._progress()
        self._report.progress("Evolving", done, total)
        return known

    def _drafted(self, point: Point, generation: int) -> Candidate:
        recipe = recipe_at(self._spec.recipe, self._spec.search, point)
        shares = iter(point)
        numbers: dict[str, float | list[float]] = {}
        for item in self._spec.search:
            found = [item.value(next(shares)) for _ in range(item.points)]
            numbers[item.where] = found if item.points > 1 else found[0]
        return Candidate(
            number=len(self._history.candidates),
            generation=generation,
            point=tuple(point),
            numbers=numbers,
            recipe=recipe,
        )

    def _scored(
        self, draft: Candidate, hopeless: Hopeless | None, asked: Asked | None
    ) -> Candidate:
        begun, making = time.perf_counter(), 0.0
        try:
            making = self._maker.make(draft.recipe, self._report)
            marks = marks_of(
                self._maker.loaded,
                asked or self._drawn(draft.generation),
                self._spec.batch_size,
                self._advance,
                hopeless,
            )
        except (InputError, ArithmeticError) as error:
            if draft.generation == 0:
                raise
            self._report.log(f"Candidate {draft.number} failed: {error}", "warning")
            return draft.model_copy(update={"failure": str(error), "making": making})
        return draft.model_copy(
            update={
                "tasks": [
                    Answered(worth=worth, asked=number)
                    for worth, number in zip(marks.worths, marks.asked, strict=True)
                ],
                "score": self.mean(marks.worths),
                "whole": marks.whole,
                "silent": marks.silent,
                "making": making,
                "scoring": time.perf_counter() - begun - making,
            }
        )

    def _advance(self, _: int) -> None:
        if self._report.stopping():
            raise Stopped("stopped", "The search was stopped.")

    def _hopeless(
        self, tried: Sequence[Candidate], before: Sequence[Candidate]
    ) -> Hopeless | None:
        """What can't be among the better half: of this generation as far as it is known, or of the last.
        Of a front, what others that answered everything dominate.
        """
        if not self._spec.racing:
            return None
        if self._spec.aim == "front":
            front = [each.worths for each in self.best]
            return lambda highest: any(dominates(worths, highest) for worths in front)
        half = self._strategy.population // 2
        bars = [
            sorted(scores, reverse=True)[half - 1]
            for scores in (
                [each.score for each in tried if each.score is not None and each.whole],
                [each.score for each in before if each.score is not None],
            )
            if len(scores) >= half
        ]
        return (lambda highest: self.mean(highest) < max(bars)) if bars else None

    def _ranks(self, tried: Sequence[Candidate]) -> list[float]:
        if self._spec.aim == "sum":
            return ranked([each.score for each in tried])
        earlier = self._history.candidates[: -len(tried)]
        known = [each.worths for each in earlier if each.score is not None and each.whole]
        scored = [each.worths for each in tried if each.score is not None]
        values = iter(improvements(scored, known))
        return ranked([None if each.score is None else next(values) for each in tried])

    def _check(self, tried: Sequence[Candidate]) -> None:
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

    def _tell(self, generation: int, tried: Sequence[Candidate]) -> None:
        scores = [each.score for each in tried if each.score is not None]
        best, mean = self.best[0], sum(scores) / len(scores)
        self._report.metric("best", generation, best.score or 0.0)
        self._report.metric("mean", generation, mean)
        self._report.metric("spread", generation, self._strategy.spread)
        given_up = sum(not each.whole for each in tried)
        self._report.log(
            f"Generation {generation}: mean {mean:.4f}, best so far {best.score:.4f}"
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
        return sum(each.seconds for each in self._history.candidates)

    def _spent(self) -> str:
        budget = self._spec.budget
        if budget.evaluations and len(self._history.candidates) >= budget.evaluations:
            return f"all {budget.evaluations} evaluations are done"
        if budget.minutes and self._seconds >= budget.minutes * 60:
            return f"the {budget.minutes:g} minutes are over"
        return ""

    def _ended(self, generation: int) -> str:
        patience = self._spec.budget.patience
        newest = max(each.generation for each in self._leading())
        if patience and generation - newest >= patience:
            return f"there was nothing better for {patience} generations"
        if self._strategy.narrow:
            return "there is nothing left to search: all candidates are alike"
        return ""

    def _leading(self) -> list[Candidate]:
        """The best, or all of the front: what an improvement changes."""
        return self.best if self._spec.aim == "front" else self.best[:1]
