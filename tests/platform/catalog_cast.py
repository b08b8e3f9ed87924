"""Rows that the catalogue's tests begin with. All but `base_model` run inside a scope."""

import json
from typing import Any

from alloyengine.spec.result import Score, TaskScore
from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets
from alloyworks.catalog.models import Dataset, ModelParent, ModelVersion
from alloyworks.ids import new_id
from alloyworks.jobs.models import Job
from alloyworks.storage import keys, objects


def make_job(principal: Principal, state: str = "running", **facts: Any) -> Job:
    wanted = {"name": "elements", "kind": "train", "spec": {}, "attempt_limit": 1} | facts
    return Job.objects.create(organisation=principal.organisation, state=state, **wanted)


def make_dataset(principal: Principal, **facts: Any) -> Dataset:
    wanted = {"name": "d", "format": "text", "train_rows": 1, "test_rows": 1} | facts
    return Dataset.objects.create(organisation=principal.organisation, **wanted)


def stored(principal: Principal, *counts: int) -> Dataset:
    """A dataset of two files in storage, whose examples have so many words."""
    lines = [json.dumps({"text": "word " * count}) + "\n" for count in counts]
    contents = {"train.jsonl": "".join(lines[1:]), "test.jsonl": lines[0]}
    files = [{"path": name, "size": len(text)} for name, text in contents.items()]
    dataset = make_dataset(principal, files=files, stats={"rows": len(counts)})
    for name, text in contents.items():
        objects.put_bytes(datasets.prefix_of(dataset) + name, text.encode())
    return dataset


def make_model(principal: Principal, *parents: ModelVersion, **facts: Any) -> ModelVersion:
    """A model under a name of its own, unless one is given."""
    org = principal.organisation
    prefix = keys.attempt_prefix(org.id, new_id(), 1)
    wanted = {"name": f"m-{new_id()}", "origin": "train", "storage_prefix": prefix} | facts
    model = ModelVersion.objects.create(organisation=org, **wanted)
    for parent in parents:
        ModelParent.objects.create(organisation=org, child=model, parent=parent)
    return model


def base_model(name: str = "SmolLM2", **facts: Any) -> ModelVersion:
    """As the operator makes it, committed: for tests with `committed_db`."""
    model_id = new_id()
    wanted = {"name": name, "origin": "base", "storage_prefix": keys.base_prefix(model_id)} | facts
    ModelVersion.objects.using("owner").create(id=model_id, **wanted)
    return ModelVersion.objects.get(id=model_id)


def task_score(model: str = "m", task: str = "arc_easy", **changes: Any) -> TaskScore:
    facts = {"metric": "acc", "value": 0.5, "stderr": 0.01, "examples": 10} | changes
    return TaskScore(model=model, task=task, **facts)


def score(model: str = "m", dataset: str = "d", value: float = 0.5) -> Score:
    return Score(model=model, dataset=dataset, metric="exact_match", value=value, examples=10)
