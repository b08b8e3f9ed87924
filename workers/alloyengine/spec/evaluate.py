"""The spec of an evaluation: models × test sets and tasks."""

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError, PydanticKnownError

from alloyengine.spec.base import InputRef, Reference, Spec, broken_rule
from alloyengine.spec.metrics import METRICS, Metric
from alloyengine.spec.mixture import Mixture

_LONGEST_SCHEMA = 65_536  # characters of JSON
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
Choice = Annotated[str, Field(min_length=1, max_length=2000)]


class TestSet(Spec):
    """A dataset whose test split is asked, and how answers are scored."""

    __test__ = False  # pytest: this is no test class

    dataset: Reference
    metric: Metric = "exact_match"
    max_new_tokens: int = Field(16, ge=1, le=4096, description="Longest answer, tokens")
    limit: int | None = Field(
        None, ge=1, le=1_000_000, description="Ask only the first so many examples"
    )
    pattern: str | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="regex: what answers must fit; of a group, what it catches must be the "
        "expected answer. none: the expected answer is itself the pattern",
    )
    tolerance: float = Field(
        0.0, ge=0, le=1, description="numeric: largest difference, as a share of what is expected"
    )
    json_schema: dict[str, Any] | None = Field(
        None, description="json_valid: a JSON schema that answers must fit"
    )
    choices: list[Choice] | None = Field(
        None,
        min_length=2,
        max_length=100,
        description="multiple_choice: those of every question; none: each row has its own",
    )

    @field_validator("json_schema")
    @classmethod
    def _stands_alone(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        """Nothing is fetched for a schema, from nowhere."""
        try:
            length, outside = len(json.dumps(schema)), next(_outside(schema), None)
        except RecursionError:
            length, outside = _LONGEST_SCHEMA + 1, None
        if length > _LONGEST_SCHEMA:
            about = {"remedy": f"Keep it under {_LONGEST_SCHEMA} characters, and flat."}
            raise PydanticCustomError("rule", "The schema is too large or too deep", about)
        if outside:
            about = {"remedy": "Refer to #/$defs/… only."}
            raise PydanticCustomError("rule", "The schema refers to something outside of it", about)
        return schema

    @model_validator(mode="after")
    def _settings_are_of_the_metric(self) -> "TestSet":
        """A setting that would be ignored is a mistake."""
        owners = {
            "pattern": ("regex",),
            "tolerance": ("numeric",),
            "json_schema": ("json_valid",),
            "choices": ("multiple_choice", "multiple_choice_norm"),
        }
        for field, metrics in owners.items():
            if getattr(self, field) and self.metric not in metrics:
                remedy = f"Remove it, or use the metric {' or '.join(metrics)}."
                raise broken_rule(field, f"{field} is not of the metric {self.metric}", remedy)
        return self


class Task(Spec):
    """A task of lm-evaluation-harness (0.4), by its name or as a file of one's own."""

    name: str = Field(
        "", pattern=r"^[\w.:-]*$", max_length=120, description="Of a task, group or tag it knows"
    )
    file: Reference | None = Field(None, description="Instead of a name: the task as YAML")
    data: Reference | None = Field(
        None,
        description="Its documents, where they are not on this machine: SPLIT.jsonl in a folder",
    )
    num_fewshot: int | None = Field(
        None, ge=0, le=64, description="Solved examples before each; none: as the task says"
    )
    limit: int | None = Field(None, ge=1, le=1_000_000, description="Only the first so many")
    chat_template: bool = Field(False, description="Ask in the model's chat template")

    @model_validator(mode="after")
    def _is_one_task(self) -> "Task":
        if bool(self.name) == bool(self.file):
            raise broken_rule("name", "A task has a name or a file", "Give one of the two.")
        return self


class Judge(Spec):
    """Who compares answers, for the metric win_rate. Where it is reached, and its key, is never part
    of a spec: whoever runs the evaluation says so."""

    model: str = Field(min_length=1, max_length=200, description="As the endpoint calls it")
    criteria: str = Field(
        "Which answer is more correct and more helpful?", min_length=1, max_length=4000
    )
    against: Literal["first", "expected"] = Field(
        "first", description="What answers are compared with: the first model's, or the dataset's"
    )
    timeout: float = Field(60, gt=0, le=600, description="Of one question, seconds")
    parallel: int = Field(4, ge=1, le=64, description="Questions under way at once")


class EvaluateSpec(Spec):
    """Score models on test sets, and on tasks of lm-evaluation-harness."""

    kind: Literal["evaluate"] = "evaluate"
    version: Literal[1] = 1
    name: str = Field("", max_length=120)
    models: list[Reference] = Field(min_length=1, max_length=32)
    tasks: list[Task] = Field(default_factory=list, max_length=32)
    test_sets: list[TestSet] = Field(
        default_factory=list, max_length=32, validate_default=True, description="Or tasks, or both"
    )
    mixtures: list[Mixture] = Field(
        default_factory=list,
        max_length=16,
        description="Asked beside the models, on test sets whose metric looks at answers",
    )
    judge: Judge | None = Field(None, description="For test sets with the metric win_rate")
    batch_size: int = Field(32, ge=1, le=1024)
    seed: int = Field(0, ge=0, lt=2**32, description="Of the resampling that compares models")

    @field_validator("test_sets")
    @classmethod
    def _something_is_asked(cls, sets: list[TestSet], info: ValidationInfo) -> list[TestSet]:
        # Tasks that are wrong are not there; what is wrong with them is said already.
        if not sets and not info.data.get("tasks", True):
            about = {"field_type": "List", "min_length": 1, "actual_length": 0}
            raise PydanticKnownError("too_short", about)
        return sets

    @model_validator(mode="after")
    def _judged_sets_have_a_judge(self) -> "EvaluateSpec":
        judged = any(test.metric == "win_rate" for test in self.test_sets)
        if judged and self.judge is None:
            raise broken_rule("judge", "win_rate needs a judge", "Add judge: {model: …}.")
        if judged and self.judge and self.judge.against == "first" and len(self.subjects) < 2:
            raise broken_rule(
                "judge",
                "One model alone can't be compared with the first",
                "Name two models, or judge against: expected.",
            )
        return self

    @model_validator(mode="after")
    def _mixtures_are_told_apart(self) -> "EvaluateSpec":
        names = {*self.models, *(model for mixture in self.mixtures for model in mixture.agents)}
        for i, mixture in enumerate(self.mixtures):
            if mixture.name in names:
                field, told = f"mixtures.{i}.name", f"Something else is called {mixture.name!r}"
                raise broken_rule(field, told, "Give each mixture a name of its own.")
            names.add(mixture.name)
        if self.mixtures and not any(METRICS[test.metric].answers for test in self.test_sets):
            raise broken_rule(
                "mixtures",
                "Nothing is asked that a mixture can answer",
                "Add a test set whose metric looks at answers, such as exact_match.",
            )
        return self

    @property
    def subjects(self) -> list[str]:
        """What scores are told of, in the order of their numbers: models, then mixtures."""
        return [*self.models, *(mixture.name for mixture in self.mixtures)]

    def inputs(self) -> list[InputRef]:
        models = [
            InputRef(loc=("models", i), kind="model", reference=reference)
            for i, reference in enumerate(self.models)
        ]
        sets = [
            InputRef(loc=("test_sets", i, "dataset"), kind="dataset", reference=test.dataset)
            for i, test in enumerate(self.test_sets)
        ]
        of_tasks = [
            InputRef(loc=("tasks", i, field), kind="dataset", reference=reference)
            for i, task in enumerate(self.tasks)
            for field, reference in (("file", task.file), ("data", task.data))
            if reference
        ]
        of_mixtures = [
            InputRef(loc=("mixtures", i, *loc), kind="model", reference=reference)
            for i, mixture in enumerate(self.mixtures)
            for loc, reference in _places(mixture)
        ]
        return models + sets + of_tasks + of_mixtures


def _places(mixture: Mixture) -> Iterator[tuple[tuple[str | int, ...], Reference]]:
    for i, layer in enumerate(mixture.layers):
        for j, reference in enumerate(layer):
            yield ("layers", i, j), reference
    yield ("aggregator",), mixture.aggregator


def _outside(node: Any) -> Iterator[str]:
    """References of a JSON schema that lead out of it."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _REFERENCES and isinstance(value, str) and not value.startswith("#"):
                yield value
            yield from _outside(value)
    elif isinstance(node, list):
        for value in node:
            yield from _outside(value)
