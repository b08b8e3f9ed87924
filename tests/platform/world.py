"""What the tests of jobs begin with: an organisation's models and datasets, and specs on them.

Everything runs inside the organisation's scope.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from alloyworks.accounts.principal import Principal
from alloyworks.catalog.models import Dataset, ModelVersion
from alloyworks.errors import Invalid
from alloyworks.jobs import check
from alloyworks.jobs.models import Job, JobState
from alloyworks.tenancy import scope
from tests.platform.attempts import new_job
from tests.platform.catalog_cast import make_dataset, make_model

SMALL = {
    "architecture": "LlamaForCausalLM",
    "parameters": 134_515_008,
    "layers": 30,
    "hidden_size": 576,
    "vocabulary": 49_152,
}
Loc = list[str | int]


@dataclass
class World:
    """Two models of one shape, and a dataset of questions with answers."""

    owner: Principal
    base: ModelVersion = field(init=False)
    tuned: ModelVersion = field(init=False)
    chats: Dataset = field(init=False)

    def __post_init__(self) -> None:
        with self.scope():
            self.base = make_model(self.owner, name="base", facts=SMALL)
            self.tuned = make_model(self.owner, name="tuned", facts=SMALL)
            self.chats = self.dataset("chat", name="elements")

    def scope(self) -> Any:
        return scope(self.owner.organisation.id, self.owner.user.id)

    def dataset(self, form: str, **facts: Any) -> Dataset:
        return make_dataset(self.owner, **{"format": form, "train_rows": 9, "test_rows": 3} | facts)

    def model(self, **facts: Any) -> ModelVersion:
        """With a shape that differs from the others' in these facts."""
        return make_model(self.owner, name=f"other-{uuid4()}", facts=SMALL | facts)

    def job(self, kind: str = "train", state: JobState = JobState.QUEUED, **changes: Any) -> Job:
        return new_job(self.owner, self.spec(kind), state=state, name=f"{kind} job", **changes)

    def spec(self, kind: str) -> dict[str, Any]:
        makers = {
            "train": self.train,
            "merge": self.merge,
            "moe": self.moe,
            "evaluate": self.evaluate,
            "evolve": self.evolve,
        }
        return makers[kind]()

    def train(self, **changes: Any) -> dict[str, Any]:
        return {
            "kind": "train",
            "name": "specialist",
            "model": str(self.base.id),
            "dataset": str(self.chats.id),
        } | changes

    def merge(self, method: str = "linear", *models: str, **changes: Any) -> dict[str, Any]:
        chosen = models or (str(self.base.id), str(self.tuned.id))
        recipe = {
            "merge_method": method,
            "models": [{"model": reference} for reference in chosen],
            "parameters": {"weight": 0.5},
        }
        return {"kind": "merge", "name": "both", "recipe": recipe | changes}

    def moe(self, *experts: str, **changes: Any) -> dict[str, Any]:
        chosen = experts or (str(self.base.id), str(self.tuned.id))
        listed = [
            {"source_model": reference, "positive_prompts": [f"prompt {number}"]}
            for number, reference in enumerate(chosen)
        ]
        recipe = {"base_model": str(self.base.id), "experts": listed}
        return {"kind": "moe", "recipe": recipe | changes}

    def evaluate(self, *models: str, **changes: Any) -> dict[str, Any]:
        return {
            "kind": "evaluate",
            "models": list(models) or [str(self.base.id)],
            "test_sets": [{"dataset": str(self.chats.id)}],
        } | changes

    def evolve(self, *tasks: dict[str, Any], **changes: Any) -> dict[str, Any]:
        weight = {"low": 0, "high": 1}
        recipe = self.merge()["recipe"] | {"parameters": {"weight": weight}}
        return {
            "kind": "evolve",
            "name": "evolved",
            "recipe": recipe,
            "tasks": list(tasks) or [{"dataset": str(self.chats.id)}],
        } | changes

    def faults(self, spec: Any) -> dict[tuple[str | int, ...], tuple[str, str]]:
        """What is said against a spec: message and remedy by place."""
        with self.scope():
            try:
                check.check(self.owner, spec)
            except Invalid as problem:
                assert problem.errors
                assert all(error.msg and error.remedy for error in problem.errors)
                return {tuple(e.loc): (e.msg, e.remedy) for e in problem.errors}
        return {}
