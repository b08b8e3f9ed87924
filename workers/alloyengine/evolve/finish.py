"""After the search: the best answer everything, the winner is reported on questions it has not seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alloyengine.errors import Stopped
from alloyengine.evaluate.score import score
from alloyengine.evolve.goals import Questions
from alloyengine.evolve.history import Candidate
from alloyengine.evolve.maker import Maker
from alloyengine.evolve.scoring import marks_of
from alloyengine.evolve.search import Search
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import Recipe, RecipeModel
from alloyengine.spec.result import RESULT, START, Score


@dataclass(frozen=True)
class Finish:
    spec: EvolveSpec
    maker: Maker
    goals: Sequence[Questions]
    report: Reporter

    def winner(self, search: Search) -> Candidate:
        """The best of the finalists by all questions of the search, not by the sample alone."""
        finalists = search.best[: self.spec.finalists]
        sampled = any(len(goal.sample) < len(goal.search) for goal in self.goals)
        if len(finalists) == 1 or not sampled:
            return finalists[0]
        found = []
        for number, candidate in enumerate(finalists):
            self.report.progress("Finals", number, len(finalists))
            worths = self._worths(candidate.recipe)
            found.append(search.mean(worths))
            said = f"Candidate {candidate.number} on all questions: {found[-1]:.4f}"
            self.report.log(f"{said} ({candidate.score:.4f} on the sample)")
        return finalists[found.index(max(found))]

    def scores(self, winner: Candidate) -> list[Score]:
        """On the questions of the report."""
        found, recipes = list[Score](), list(self._reported(winner))
        for number, (name, recipe) in enumerate(recipes):
            self.report.progress("Reporting", number, len(recipes))
            self.maker.make(recipe, self.report)
            for goal in self.goals:
                found.append(self._score(name, goal))
                told = found[-1]
                self.report.log(f"{name} on {told.dataset}: {told.metric} {told.value:.4g}")
        return found

    def _worths(self, recipe: Recipe) -> tuple[float, ...]:
        self.maker.make(recipe, self.report)
        asked = [(goal, goal.search) for goal in self.goals]
        return marks_of(self.maker.loaded, asked, self.spec.batch_size, self._advance).worths

    def _score(self, name: str, questions: Questions) -> Score:
        goal, rows = questions.goal, list(questions.report)
        figure, _ = score(self.maker.loaded, goal, rows, self.spec.batch_size, self._advance)
        return Score(
            model=name,
            dataset=goal.report or goal.dataset,
            metric=goal.metric,
            value=figure.value,
            stderr=figure.stderr,
            examples=len(rows),
        )

    def _reported(self, winner: Candidate) -> Iterator[tuple[str, Recipe]]:
        yield RESULT, winner.recipe
        if winner.recipe != self.spec.recipe:
            yield START, self.spec.recipe
        for reference in dict.fromkeys(name for _, name in self.spec.recipe.references()):
            alone = alone_of(self.spec.recipe, reference)
            if self.maker.fits(alone):
                yield reference, alone

    def _advance(self, _: int) -> None:
        if self.report.stopping():
            raise Stopped("stopped", "The search was stopped.")


def alone_of(recipe: Recipe, reference: str) -> Recipe:
    """One of the models as it is, in the result's type and vocabulary."""
    return Recipe(
        merge_method="passthrough",
        models=[RecipeModel(model=reference)],
        dtype=recipe.dtype,
        out_dtype=recipe.out_dtype,
    )
