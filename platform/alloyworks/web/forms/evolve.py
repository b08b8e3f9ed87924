"""The form of an evolution: a recipe with ranges, the test sets it is judged by, and when it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from django.http import QueryDict
from pydantic import ValidationError

from alloyengine.spec.evolve import Budget, EvolveSpec, Goal
from alloyengine.spec.space import put_back
from alloyworks.accounts.principal import Principal
from alloyworks.errors import FieldError
from alloyworks.web import choices
from alloyworks.web.forms import rows, test_sets
from alloyworks.web.forms.base import JobForm, Where, trimmed, with_text
from alloyworks.web.forms.fields import Faults, Field, Number, number_field, text_of
from alloyworks.web.forms.recipe import PLACE, Text, known_in, lean, line_in, written
from alloyworks.web.forms.rows import Row

TASKS, MOST = "tasks", 16
WEIGHT = Number(Goal, "weight", "Weight", help="In the mean of all")
SAMPLE = Number(Goal, "sample", "Asked", "questions", "Of each candidate")
OF_A_TASK = (*test_sets.COLUMNS, WEIGHT.name, SAMPLE.name)
BUDGET = (
    Number(Budget, "evaluations", "Candidates", help="At most", under="budget"),
    Number(Budget, "minutes", "Time", "minutes", "Spent on candidates", "budget"),
    Number(Budget, "patience", "Patience", "generations", "Without a better one", "budget"),
)
ADVANCED = (
    Number(EvolveSpec, "population", "Candidates a generation"),
    Number(EvolveSpec, "step", "First step"),
    Number(EvolveSpec, "finalists", "Finalists"),
    Number(EvolveSpec, "batch_size", "Batch size", "examples"),
    Number(EvolveSpec, "workers", "At once", "candidates", "Each with its own models in memory"),
    Number(EvolveSpec, "seed", "Seed"),
)
AIMS = (
    ("sum", "The best weighted mean of all test sets"),
    ("front", "The best trade-offs between them"),
)
RANGE = {"low": 0, "high": 1}


@dataclass
class EvolveForm(JobForm):
    kind: ClassVar[str] = "evolve"
    title: ClassVar[str] = "Evolve a merge"
    lead: ClassVar[str] = "Search the numbers of a recipe by what the merged models answer."

    values: dict[str, str] = field(default_factory=dict)
    yaml: str = ""
    tasks: list[Row] = field(default_factory=list)

    @classmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        """A recipe to be completed."""
        models = choices.references(query.getlist("model")) or ["…", "…"]
        listed = [{"model": model, "parameters": {"weight": dict(RANGE)}} for model in models]
        recipe = {"merge_method": "linear", "models": listed}
        tasks = [_row(dataset) for dataset in query.getlist("dataset")[:MOST]] or [_row()]
        values = {number.place: number.default for number in (*BUDGET, *ADVANCED)}
        return cls(
            principal, values | {"aim": "sum"}, written({"recipe": recipe}, principal), tasks
        )

    @classmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        numbers = {n.place: _at(spec, n.place) for n in (*BUDGET, *ADVANCED)}
        values = {name: text_of(value) for name, value in numbers.items()}
        values |= {name: text_of(spec.get(name)) for name in ("name", "aim")}
        tasks = [test_sets.of_spec(row, OF_A_TASK) for row in spec[TASKS]]
        return cls(principal, values, written(_lean(dict(spec)), principal), tasks)

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        places = [number.place for number in (*BUDGET, *ADVANCED)]
        values = trimmed(post, ["name", "aim", *places])
        tasks = rows.read(post, TASKS, OF_A_TASK, MOST)
        return cls(principal, values, str(post.get("yaml") or ""), tasks)

    def settled(self) -> Self:
        return replace(self, tasks=[row for row in self.tasks if row.get("dataset")])

    def spec(self) -> dict[str, Any]:
        return known_in(self.draft())

    def draft(self) -> tuple[dict[str, Any], list[FieldError]]:
        told, unknown = Text.read(self.yaml).spec(self.principal)
        values = with_text(self.values)
        budget = {n.name: values.pop(n.place, None) for n in BUDGET}
        tasks = [row for row in self.tasks if row.get("dataset")]
        found = {
            "kind": self.kind,
            **values,
            **told,
            TASKS: test_sets.spec(TASKS, tasks),
            "budget": budget,
        }
        return found, unknown

    def places(self) -> list[str]:
        of_tasks = [f"{TASKS}.{i}.{name}" for i in range(len(self.tasks)) for name in OF_A_TASK]
        numbers = [number.place for number in (*BUDGET, *ADVANCED)]
        return ["name", PLACE, "search", "aim", TASKS, *numbers, *of_tasks]

    def act(self, do: str) -> Faults:
        self.tasks = rows.changed(self.tasks, TASKS, do, _row(), MOST)
        return Faults()

    def drawn(self, faults: Faults) -> dict[str, Any]:
        self.tasks = self.tasks or [_row()]
        advanced = [self._number(number, faults) for number in ADVANCED]
        changed = any(
            f.value not in ("", n.default) for f, n in zip(advanced, ADVANCED, strict=True)
        )
        numbers = (test_sets.LENGTH, WEIGHT, SAMPLE)
        return {
            "name": Field(
                "name",
                "Name",
                self.values.get("name", ""),
                placeholder="Named after the number of models",
                errors=faults.at("name"),
            ),
            "yaml": self.yaml,
            "recipe_errors": [*faults.at(PLACE), *faults.at("search")],
            "sets": test_sets.drawn(self.principal, TASKS, self.tasks, faults, False, numbers),
            "sets_errors": faults.at(TASKS),
            "metrics": test_sets.OFFERED,
            "aim": Field("aim", "Aim", self.values.get("aim", "sum"), errors=faults.at("aim")),
            "aims": AIMS,
            "budget": [self._number(number, faults) for number in BUDGET],
            "advanced": advanced,
            "advanced_open": changed or any(field.errors for field in advanced),
        }

    def where(self, loc: Sequence[str | int]) -> Where:
        line = line_in(self.yaml, loc)
        return Where(f"Line {line}", line=line)

    def _number(self, number: Number, faults: Faults) -> Field:
        found = number_field(number, self.values, faults)
        return found if number.default else replace(found, placeholder="none")


def _row(dataset: str = "") -> Row:
    return test_sets.row(dataset) | {WEIGHT.name: WEIGHT.default}


def _at(spec: Mapping[str, Any], place: str) -> Any:
    value: Any = spec
    for step in place.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _lean(spec: dict[str, Any]) -> dict[str, Any]:
    """The recipe with its ranges in place of numbers. An old spec stays as it is."""
    try:
        read = EvolveSpec.model_validate(spec)
    except ValidationError:
        return {"recipe": spec["recipe"]}
    plain = lean({"kind": "merge", "recipe": read.recipe.model_dump(mode="json")})
    return {"recipe": put_back(plain["recipe"], read.search)}
