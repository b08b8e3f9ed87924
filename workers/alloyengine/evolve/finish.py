"""After the search: the best answer everything, the winner is reported on questions it has not seen."""

from collections.abc import Iterator
from dataclasses import dataclass

from alloyengine.evaluate.score import score
from alloyengine.evolve.goals import Questions
from alloyengine.evolve.history import Candidate
from alloyengine.evolve.search import Search
from alloyengine.evolve.selection import mean
from alloyengine.evolve.trial import Trials
from alloyengine.spec.merge import Recipe, RecipeModel
from alloyengine.spec.result import RESULT, START, Score


@dataclass(frozen=True)
class Finish:
    trials: Trials

    def winner(self, search: Search) -> Candidate:
        """The best of the finalists by all questions of the search, not by the sample alone."""
        trials, report = self.trials, self.trials.report
        finalists = search.best[: trials.spec.finalists]
        sampled = any(len(goal.sample) < len(goal.search) for goal in trials.goals)
        if len(finalists) == 1 or not sampled:
            return finalists[0]
        found, asked = list[float](), [(goal, goal.search) for goal in trials.goals]
        for number, candidate in enumerate(finalists):
            report.progress("Finals", number, len(finalists))
            found.append(mean(trials.spec, trials.of_recipe(candidate.recipe, asked)))
            said = f"Candidate {candidate.number} on all questions: {found[-1]:.4f}"
            report.log(f"{said} ({candidate.score:.4f} on the sample)")
        return finalists[found.index(max(found))]

    def scores(self, winner: Candidate) -> list[Score]:
        """On the questions of the report: the winner's, the start's and the parents'."""
        trials, report = self.trials, self.trials.report
        found, recipes = list[Score](), list(self._reported(winner))
        for number, (name, recipe) in enumerate(recipes):
            report.progress("Reporting", number, len(recipes))
            trials.maker.make(recipe, report)
            for goal in trials.goals:
                found.append(self._score(name, goal))
                told = found[-1]
                report.log(f"{name} on {told.dataset}: {told.metric} {told.value:.4g}")
        return found

    def _score(self, name: str, questions: Questions) -> Score:
        trials, goal, rows = self.trials, questions.goal, list(questions.report)
        loaded, size = trials.maker.loaded, trials.spec.batch_size
        figure, _ = score(loaded, goal, rows, size, trials.advance)
        return Score(
            model=name,
            dataset=goal.report or goal.dataset,
            metric=goal.metric,
            value=figure.value,
            stderr=figure.stderr,
            examples=len(rows),
        )

    def _reported(self, winner: Candidate) -> Iterator[tuple[str, Recipe]]:
        start = self.trials.spec.recipe
        yield RESULT, winner.recipe
        if winner.recipe != start:
            yield START, start
        for reference in dict.fromkeys(name for _, name in start.references()):
            alone = alone_of(start, reference)
            if self.trials.maker.fits(alone):
                yield reference, alone


def alone_of(recipe: Recipe, reference: str) -> Recipe:
    """One of the models as it is, in the result's type and vocabulary."""
    return Recipe(
        merge_method="passthrough",
        models=[RecipeModel(model=reference)],
        dtype=recipe.dtype,
        out_dtype=recipe.out_dtype,
    )
