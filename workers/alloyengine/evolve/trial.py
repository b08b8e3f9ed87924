"""One candidate: its recipe is made, and answers the questions of its generation."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from alloyengine.errors import InputError, Stopped
from alloyengine.evolve.goals import Questions, Row
from alloyengine.evolve.history import Answered, Candidate
from alloyengine.evolve.maker import Maker
from alloyengine.evolve.scoring import Hopeless, Marks, marks_of
from alloyengine.evolve.selection import mean
from alloyengine.report import Reporter
from alloyengine.spec.evolve import EvolveSpec
from alloyengine.spec.merge import Recipe
from alloyengine.spec.space import Point, recipe_at

Asked = Sequence[tuple[Questions, Sequence[Row]]]


@dataclass(frozen=True)
class Trials:
    """Whom to ask, and what."""

    spec: EvolveSpec
    maker: Maker
    goals: Sequence[Questions]
    report: Reporter

    def drawn(self, generation: int) -> Asked:
        """The sample of every task, in this generation's order."""
        return [(goal, goal.drawn(self.spec.seed, generation)) for goal in self.goals]

    def scored(
        self,
        number: int,
        generation: int,
        point: Point,
        asked: Asked,
        hopeless: Hopeless | None = None,
    ) -> Candidate:
        """A candidate that fails is one, too; but when the start fails (generation 0), the recipe is
        wrong: InputError. Raises Stopped.
        """
        draft = self._drafted(number, generation, point)
        begun, making = time.perf_counter(), 0.0
        try:
            making = self.maker.make(draft.recipe, self.report)
            marks = self.marks(asked, hopeless)
        except (InputError, ArithmeticError) as error:
            if generation == 0:
                raise
            return draft.model_copy(update={"failure": str(error), "making": making})
        tasks = [
            Answered(worth=worth, asked=count)
            for worth, count in zip(marks.worths, marks.asked, strict=True)
        ]
        found = {
            "tasks": tasks,
            "score": mean(self.spec, marks.worths),
            "whole": marks.whole,
            "silent": marks.silent,
            "making": making,
            "scoring": time.perf_counter() - begun - making,
        }
        return draft.model_copy(update=found)

    def of_recipe(self, recipe: Recipe, asked: Asked) -> tuple[float, ...]:
        """What a recipe is worth, by other questions than a generation's."""
        self.maker.make(recipe, self.report)
        return self.marks(asked).worths

    def marks(self, asked: Asked, hopeless: Hopeless | None = None) -> Marks:
        """Of the model as it is now."""
        size = self.spec.batch_size
        return marks_of(self.maker.loaded, asked, size, self.advance, hopeless)

    def advance(self, _: int) -> None:
        """Between two batches."""
        if self.report.stopping():
            raise Stopped("stopped", "The search was stopped.")

    def _drafted(self, number: int, generation: int, point: Point) -> Candidate:
        shares = iter(point)
        numbers: dict[str, float | list[float]] = {}
        for item in self.spec.search:
            found = [item.value(next(shares)) for _ in range(item.points)]
            numbers[item.where] = found if item.points > 1 else found[0]
        return Candidate(
            number=number,
            generation=generation,
            point=tuple(point),
            numbers=numbers,
            recipe=recipe_at(self.spec.recipe, self.spec.search, point),
        )
