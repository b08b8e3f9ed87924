"""The form of an evaluation: models and mixtures × test sets and tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from django.http import QueryDict

from alloyengine.spec.evaluate import EvaluateSpec, Task
from alloyworks.accounts.principal import Principal
from alloyworks.web import choices
from alloyworks.web.forms import mixtures, rows, test_sets
from alloyworks.web.forms.base import JobForm, trimmed, with_text
from alloyworks.web.forms.fields import Faults, Field, Number, number_field, text_of
from alloyworks.web.forms.mixtures import Mixture
from alloyworks.web.forms.rows import Row

SETS, TASKS = "test_sets", "tasks"
MOST = 32  # of each
LIMIT = test_sets.LIMIT
OF_A_SET = test_sets.COLUMNS
SHOTS = Number(Task, "num_fewshot", "Solved examples", help="Before each question")
OF_A_TASK = ("name", SHOTS.name, LIMIT.name, "chat_template")
BATCH = Number(EvaluateSpec, "batch_size", "Batch size", "examples", "Answered at once")
SEED = Number(EvaluateSpec, "seed", "Seed")


@dataclass
class EvaluateForm(JobForm):
    kind: ClassVar[str] = "evaluate"
    title: ClassVar[str] = "Evaluate models"
    lead: ClassVar[str] = "Ask every chosen model every question of the chosen test sets and tasks."

    values: dict[str, str] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    sets: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    mixtures: list[Mixture] = field(default_factory=list)

    @classmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        sets = [test_sets.row(d) for d in query.getlist("dataset")[:MOST]] or [test_sets.row()]
        models = choices.references(query.getlist("model"))
        return cls(principal, {n.place: n.default for n in (BATCH, SEED)}, models, sets)

    @classmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        values = {name: text_of(spec.get(name)) for name in ("name", BATCH.place, SEED.place)}
        sets = [test_sets.of_spec(row) for row in spec[SETS]]
        tasks = [
            {name: text_of(row.get(name)) for name in OF_A_TASK} for row in spec.get(TASKS, ())
        ]
        mixed = [mixtures.of_spec(row) for row in spec.get(mixtures.PLACE, ())]
        return cls(principal, values, list(spec["models"]), sets, tasks, mixed)

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        values = trimmed(post, ["name", BATCH.place, SEED.place])
        models = choices.references(post.getlist("models"))
        sets, tasks = (rows.read(post, *of, MOST) for of in ((SETS, OF_A_SET), (TASKS, OF_A_TASK)))
        return cls(principal, values, models, sets, tasks, mixtures.posted(post))

    def settled(self) -> Self:
        sets = [row for row in self.sets if row.get("dataset")]
        tasks = [row for row in self.tasks if row.get("name")]
        mixed = [mixture for mixture in self.mixtures if not mixture.is_empty]
        return replace(self, sets=sets, tasks=tasks, mixtures=mixed)

    def spec(self) -> dict[str, Any]:
        sets = [row for row in self.sets if row.get("dataset")]
        tasks = [with_text(row) for row in self.tasks if row.get("name")]
        return {
            "kind": self.kind,
            **with_text(self.values),
            "models": self.models,
            SETS: test_sets.spec(SETS, sets),
            TASKS: tasks,
            mixtures.PLACE: mixtures.spec([m for m in self.mixtures if not m.is_empty]),
        }

    def places(self) -> list[str]:
        of_sets = [f"{SETS}.{i}.{name}" for i in range(len(self.sets)) for name in OF_A_SET]
        of_tasks = [f"{TASKS}.{i}.{name}" for i in range(len(self.tasks)) for name in OF_A_TASK]
        of_models = [f"models.{i}" for i in range(len(self.models))]
        alone = ["name", BATCH.place, SEED.place, "models", SETS, TASKS]
        return [*alone, *of_models, *of_sets, *of_tasks, *mixtures.places(len(self.mixtures))]

    def act(self, do: str) -> Faults:
        self.sets = rows.changed(self.sets, SETS, do, test_sets.row(), MOST)
        self.tasks = rows.changed(self.tasks, TASKS, do, {}, MOST)
        self.mixtures = mixtures.changed(self.mixtures, do)
        return Faults()

    def drawn(self, faults: Faults) -> dict[str, Any]:
        self.sets = self.sets or ([] if self.tasks else [test_sets.row()])
        at_models = {name: faults.at(f"models.{i}") for i, name in enumerate(self.models)}
        advanced = [number_field(number, self.values, faults) for number in (BATCH, SEED)]
        changed = any(
            f.value not in ("", n.default) for f, n in zip(advanced, (BATCH, SEED), strict=True)
        )
        others = [reference for mixture in self.mixtures for reference in mixture.references]
        models = choices.of_models(self.principal, [*self.models, *others])
        return {
            "name": Field(
                "name",
                "Name",
                self.values.get("name", ""),
                placeholder="Named after the number of models",
                errors=faults.at("name"),
            ),
            "models": models,
            "chosen": self.models,
            "models_errors": [
                *faults.at("models"),
                *(error for errors in at_models.values() for error in errors),
            ],
            "sets": test_sets.drawn(self.principal, SETS, self.sets, faults, bool(self.tasks)),
            "sets_errors": faults.at(SETS),
            "metrics": test_sets.OFFERED,
            "tasks": [self._task(i, row, faults) for i, row in enumerate(self.tasks)],
            "tasks_errors": faults.at(TASKS),
            "mixtures": mixtures.drawn(self.mixtures, models, faults),
            "mixtures_errors": faults.at(mixtures.PLACE),
            "advanced": advanced,
            "advanced_open": changed or any(field.errors for field in advanced),
        }

    def _task(self, i: int, row: Row, faults: Faults) -> dict[str, Any]:
        under = f"{TASKS}.{i}"
        values = {f"{under}.{name}": text for name, text in row.items()}
        shots, limit = (
            number_field(Number(n.spec, n.name, n.label, n.unit, n.help, under), values, faults)
            for n in (SHOTS, LIMIT)
        )
        place = f"{under}.name"
        return {
            "number": i + 1,
            "remove": f"remove.{under}",
            "name": Field(
                place,
                "Task",
                row.get("name", ""),
                "Of lm-evaluation-harness",
                placeholder="arc_easy",
                errors=[*faults.at(place), *faults.at(f"{under}.chat_template")],
            ),
            "chat": f"{under}.chat_template",
            "chats": row.get("chat_template") == "true",
            "numbers": [replace(shots, placeholder="the task's"), limit],
        }
