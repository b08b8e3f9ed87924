"""The spec of an evolution: which numbers of a recipe are searched, and what tells a better model."""

from typing import Any, Literal

from pydantic import Field, model_validator

from alloyengine.spec.base import InputRef, Reference, Spec, broken_rule
from alloyengine.spec.evaluate import TestSet
from alloyengine.spec.merge import Recipe, split_reference
from alloyengine.spec.space import Range, check_space, taken_out


class Goal(TestSet):
    """A test set of the search. What is reported in the end is measured on other questions."""

    weight: float = Field(1.0, gt=0, le=1e6, description="Of this task's score in the sum of all")
    sample: int | None = Field(
        None, ge=1, le=1_000_000, description="Every candidate answers so many; none: all"
    )
    report: Reference | None = Field(
        None, description="The dataset of the report; none: half of the test split is kept for it"
    )

    @model_validator(mode="after")
    def scores_a_model_by_itself(self) -> "Goal":
        if self.metric == "win_rate":
            msg = "win_rate compares models with each other and is no aim of a search"
            raise broken_rule("metric", msg, "Use a metric that scores a model by itself.")
        return self


class Budget(Spec):
    """When the search ends, whichever comes first."""

    evaluations: int | None = Field(100, ge=1, le=1_000_000, description="Candidates")
    minutes: float | None = Field(None, gt=0, description="Spent on candidates")
    patience: int | None = Field(
        None, ge=1, description="Generations without a better candidate; none: any number"
    )

    @model_validator(mode="after")
    def ends(self) -> "Budget":
        if not (self.evaluations or self.minutes or self.patience):
            msg = "nothing would end the search"
            raise broken_rule("evaluations", msg, "Give evaluations, minutes or patience.")
        return self


class EvolveSpec(Spec):
    """Search the numbers of a merge recipe by evolution (CMA-ES).

    A parameter of the recipe may be written as `{low, high, start, points, scale}`: it is then
    listed under `search`, and the recipe has its start.
    """

    kind: Literal["evolve"] = "evolve"
    version: Literal[1] = 1
    name: str = Field("", max_length=120, description="Name of the resulting model")
    recipe: Recipe = Field(description="Where the search begins")
    search: list[Range] = Field(default_factory=list, max_length=1000)
    tasks: list[Goal] = Field(min_length=1, max_length=16)
    aim: Literal["sum", "front"] = Field(
        "sum",
        description="The best weighted mean of all tasks, or the best trade-offs between them",
    )
    budget: Budget = Field(default_factory=Budget)
    population: int | None = Field(
        None, ge=4, le=1000, description="Candidates a generation; none: by the dimensions"
    )
    step: float = Field(
        1 / 6, gt=0, le=1, description="Of the first generation: a share of each range"
    )
    racing: bool = Field(True, description="Stop candidates that can hardly be among the better")
    finalists: int = Field(
        3, ge=1, le=100, description="So many of the best answer everything, to choose among them"
    )
    batch_size: int = Field(32, ge=1, le=1024)
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Candidates at once, each in a process of its own with its own models in memory",
    )
    seed: int = Field(0, ge=0, lt=2**32, description="The same seed gives the same candidates")

    @model_validator(mode="before")
    @classmethod
    def ranges_in_the_recipe(cls, raw: Any) -> Any:
        """They may stand where the numbers would."""
        if isinstance(raw, dict) and isinstance(raw.get("recipe"), dict):
            return taken_out(raw)
        return raw

    @model_validator(mode="after")
    def can_be_searched(self) -> "EvolveSpec":
        check_space(self.recipe, self.search)
        if self.aim == "front" and len(self.tasks) < 2:
            msg = "a front is of two tasks or more"
            raise broken_rule("aim", msg, "Add a task, or use sum.")
        return self

    def inputs(self) -> list[InputRef]:
        models = [
            InputRef(loc=("recipe", *place), kind="model", reference=part)
            for place, reference in self.recipe.references()
            for part in split_reference(reference)
            if part is not None
        ]
        sets = [
            InputRef(loc=("tasks", i, where), kind="dataset", reference=reference)
            for i, task in enumerate(self.tasks)
            for where, reference in (("dataset", task.dataset), ("report", task.report))
            if reference is not None
        ]
        return models + sets
