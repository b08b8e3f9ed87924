"""After the search: the best answer everything, the winner is reported on questions it has not seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

from alloyengine.evaluate.perplexity import perplexity
from alloyengine.evaluate.score import score
from alloyengine.evolve.goals import Questions
from alloyengine.evolve.history import Candidate
from alloyengine.evolve.search import Search
from alloyengine.evolve.selection import mean
from alloyengine.evolve.trial import Trials
from alloyengine.spec.merge import Recipe, RecipeModel
from alloyengine.spec.result import RESULT, START, Score

_WRITTEN = ("exact_match", "contains", "numeric", "token_f1", "rouge_l")


@dataclass(frozen=True)
class Finish:
    trials: Trials

    def winner(self, search: Search) -> Candidate:
        """The best of the finalists by all questions of the search, not by the sample alone; of equals,
        the one that finds the expected answers likeliest.
        """
        finalists = search.best[: self.trials.spec.finalists]
        best = self._best(finalists)
        if len(best) == 1 or not self._written:
            return best[0]
        likely = [self._likelihood(each.recipe) for each in best]
        found = best[likely.index(max(likely))]
        self.trials.report.log(
            f"{len(best)} finalists are equal. The expected answers are likeliest to candidate "
            f"{found.number}: {max(likely):.4f} nats a token, down to {min(likely):.4f} of the others."
        )
        return found

    def _best(self, finalists: Sequence[Candidate]) -> list[Candidate]:
        """One, or several that are equal."""
        trials, report = self.trials, self.trials.report
        sampled = any(len(goal.sample) < len(goal.search) for goal in trials.goals)
        if len(finalists) == 1 or not sampled:
            return [each for each in finalists if each.score == finalists[0].score]
        found, asked = list[float](), [(goal, goal.search) for goal in trials.goals]
        for number, candidate in enumerate(finalists):
            report.progress("Finals", number, len(finalists))
            found.append(mean(trials.spec, trials.of_recipe(candidate.recipe, asked)))
            said = f"Candidate {candidate.number} on all questions: {found[-1]:.4f}"
            report.log(f"{said} ({candidate.score:.4f} on the sample)")
        best = max(found)
        return [each for each, worth in zip(finalists, found, strict=True) if worth == best]

    @property
    def _written(self) -> list[Questions]:
        """Tasks whose expected answers are texts that a model might say."""
        return [goal for goal in self.trials.goals if goal.goal.metric in _WRITTEN]

    def _likelihood(self, recipe: Recipe) -> float:
        """Of the expected answers to all questions of the search, nats a token; the mean of the tasks."""
        trials = self.trials
        trials.maker.make(recipe, trials.report)
        loaded, size = trials.maker.loaded, trials.spec.batch_size
        found = []
        for goal in self._written:
            figure, _ = perplexity(loaded, list(goal.search), size, trials.advance)
            found.append(-log(figure.value))
        return sum(found) / len(found)

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
