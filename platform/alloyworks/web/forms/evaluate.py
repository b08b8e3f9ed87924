"""The form of an evaluation: models × test sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from django.http import QueryDict

from alloyengine.spec.evaluate import EvaluateSpec, TestSet
from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset
from alloyworks.web import choices
from alloyworks.web.forms import rows
from alloyworks.web.forms.base import JobForm, trimmed, with_text
from alloyworks.web.forms.fields import Faults, Field, Number, number_field, text_of
from alloyworks.web.forms.fitting import unfit_for_testing
from alloyworks.web.forms.rows import Row

SETS = "test_sets"
MOST_SETS = 32
LENGTH = Number(TestSet, "max_new_tokens", "Longest answer", "tokens", help="")
LIMIT = Number(TestSet, "limit", "Questions", help="Only the first so many")
OF_A_SET = ("dataset", "metric", LENGTH.name, LIMIT.name)
BATCH = Number(EvaluateSpec, "batch_size", "Batch size", "examples", "Answered at once")
METRICS = (
    ("exact_match", "Exact match", "Share of answers that say exactly what was expected"),
    ("perplexity", "Perplexity", "How surprised the model is by the text; lower is better"),
)


@dataclass
class EvaluateForm(JobForm):
    kind: ClassVar[str] = "evaluate"
    title: ClassVar[str] = "Evaluate models"
    lead: ClassVar[str] = "Ask every chosen model every question of the chosen test sets."

    values: dict[str, str] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    sets: list[Row] = field(default_factory=list)

    @classmethod
    def fresh(cls, principal: Principal, query: QueryDict) -> Self:
        sets = [_row(dataset) for dataset in query.getlist("dataset")[:MOST_SETS]] or [_row()]
        models = choices.references(query.getlist("model"))
        return cls(principal, {BATCH.place: BATCH.default}, models, sets)

    @classmethod
    def of_spec(cls, principal: Principal, spec: Mapping[str, Any]) -> Self:
        values = {name: text_of(spec.get(name)) for name in ("name", BATCH.place)}
        sets = [{name: text_of(row.get(name)) for name in OF_A_SET} for row in spec[SETS]]
        return cls(principal, values, list(spec["models"]), sets)

    @classmethod
    def posted(cls, principal: Principal, post: QueryDict) -> Self:
        values = trimmed(post, ["name", BATCH.place])
        models = choices.references(post.getlist("models"))
        return cls(principal, values, models, rows.read(post, SETS, OF_A_SET, MOST_SETS))

    def settled(self) -> Self:
        return replace(self, sets=[row for row in self.sets if row.get("dataset")])

    def spec(self) -> dict[str, Any]:
        sets = [with_text(row) for row in self.sets if row.get("dataset")]
        return {"kind": self.kind, **with_text(self.values), "models": self.models, SETS: sets}

    def places(self) -> list[str]:
        of_sets = [f"{SETS}.{i}.{name}" for i in range(len(self.sets)) for name in OF_A_SET]
        of_models = [f"models.{i}" for i in range(len(self.models))]
        return ["name", BATCH.place, "models", SETS, *of_models, *of_sets]

    def act(self, do: str) -> Faults:
        self.sets = rows.changed(self.sets, SETS, do, _row(), MOST_SETS)
        return Faults()

    def drawn(self, faults: Faults) -> dict[str, Any]:
        self.sets = self.sets or [_row()]
        at_models = {name: faults.at(f"models.{i}") for i, name in enumerate(self.models)}
        offered = choices.offered_datasets(self.principal)
        batch = number_field(BATCH, self.values, faults)
        return {
            "name": Field(
                "name",
                "Name",
                self.values.get("name", ""),
                placeholder="Named after the number of models",
                errors=faults.at("name"),
            ),
            "models": choices.of_models(self.principal, self.models),
            "chosen": self.models,
            "models_errors": [
                *faults.at("models"),
                *(error for errors in at_models.values() for error in errors),
            ],
            "sets": [self._set(i, row, offered, faults) for i, row in enumerate(self.sets)],
            "sets_errors": faults.at(SETS),
            "metrics": METRICS,
            "advanced": [batch],
            "advanced_open": batch.value not in ("", BATCH.default) or bool(batch.errors),
        }

    def _set(self, i: int, row: Row, offered: list[Dataset], faults: Faults) -> dict[str, Any]:
        metric, under = row.get("metric") or METRICS[0][0], f"{SETS}.{i}"
        dataset = row.get("dataset", "")

        def refusal(found: Dataset) -> str:
            return unfit_for_testing(found, metric)

        groups = choices.of_datasets(self.principal, offered, refusal, dataset)
        place = f"{under}.dataset"
        numbers = [Number(n.spec, n.name, n.label, n.unit, n.help, under) for n in (LENGTH, LIMIT)]
        values = {f"{under}.{name}": text for name, text in row.items()}
        return {
            "number": i + 1,
            "remove": f"remove.{under}" if len(self.sets) > 1 else "",
            "dataset": Field(place, "Test set", dataset, groups=groups, errors=faults.at(place)),
            "metric": Field(
                f"{under}.metric", "Metric", metric, errors=faults.at(f"{under}.metric")
            ),
            "numbers": [number_field(number, values, faults) for number in numbers],
        }


def _row(dataset: str = "") -> Row:
    return {"dataset": dataset, "metric": METRICS[0][0], LENGTH.name: LENGTH.default}
