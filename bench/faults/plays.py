"""What the tenants ask for, and how it must end."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from alloyworks.cli.demo.client import Json
from bench.faults.stage import Stage
from bench.faults.tenant import Tenant

SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"


@dataclass(frozen=True)
class Accepted:
    """A job that the API has answered 201 for."""

    id: str
    tenant: Tenant
    kind: str
    at: float  # time.time() of the answer
    ends: frozenset[str]  # states that are right at its end


def play(stage: Stage, chance: random.Random, long: bool = False) -> Iterator[Accepted]:
    """One job of a kind that is drawn, or two that depend on each other; submits as it goes."""
    tenant = chance.choice(stage.tenants)
    act = merges if not long and chance.random() < 0.5 else chance.choice(LONG if long else ACTS)
    yield from act(stage, tenant, chance)


def merges(stage: Stage, tenant: Tenant, chance: random.Random) -> Iterator[Accepted]:
    yield _submit(tenant, merge_of(stage.bases, chance.random()))


def trains(stage: Stage, tenant: Tenant, chance: random.Random) -> Iterator[Accepted]:
    yield _submit(tenant, _train(stage, tenant, epochs=chance.choice([1, 20])))


def trains_long(stage: Stage, tenant: Tenant, chance: random.Random) -> Iterator[Accepted]:
    """For about half a minute."""
    yield _submit(tenant, _train(stage, tenant, epochs=100, batch_size=1))


def evaluates(stage: Stage, tenant: Tenant, chance: random.Random) -> Iterator[Accepted]:
    yield _submit(tenant, _evaluate(tenant, chance.choice(stage.bases)))


def follows(stage: Stage, tenant: Tenant, chance: random.Random) -> Iterator[Accepted]:
    """A pipeline: a merge waits for the model that is still being trained."""
    first = _submit(tenant, _train(stage, tenant, epochs=2))
    yield first
    yield _submit(tenant, merge_of([stage.bases[0], f"job:{first.id}"], 0.5))


def errs(stage: Stage, tenant: Tenant, chance: random.Random) -> Iterator[Accepted]:
    """A mistake that only the weights reveal: the user's fault, tried once."""
    tuning = {"method": "spectrum", "modules": ["no.module.has.this.name"]}
    spec = _train(stage, tenant, epochs=1) | {"tuning": tuning}
    yield _submit(tenant, spec, frozenset({FAILED}))


def thinks_better_of_it(stage: Stage, tenant: Tenant, chance: random.Random) -> Iterator[Accepted]:
    """Cancelled at any moment, perhaps too late."""
    spec = _train(stage, tenant, epochs=20)
    accepted = _submit(tenant, spec, frozenset({CANCELLED, SUCCEEDED}))
    threading.Timer(chance.uniform(0, 20), tenant.cancel, [accepted.id]).start()
    yield accepted


ACTS = (trains, evaluates, follows, errs, thinks_better_of_it)
LONG = (trains_long,)


def _submit(tenant: Tenant, spec: Json, ends: frozenset[str] = frozenset({SUCCEEDED})) -> Accepted:
    return Accepted(tenant.submit(spec), tenant, spec["kind"], time.time(), ends)


def merge_of(models: list[str], weight: float) -> Json:
    listed = [{"model": ref, "parameters": {"weight": 0.1 + weight}} for ref in models]
    return {"kind": "merge", "recipe": {"merge_method": "linear", "models": listed}}


def _train(stage: Stage, tenant: Tenant, epochs: int, batch_size: int = 2) -> Json:
    return {
        "kind": "train",
        "model": stage.bases[0],
        "dataset": tenant.dataset,
        "tuning": {"method": "spectrum", "percent": 50},
        "epochs": epochs,
        "batch_size": batch_size,
    }


def _evaluate(tenant: Tenant, model: str) -> Json:
    asked = [{"dataset": tenant.dataset, "metric": "perplexity"}]
    return {"kind": "evaluate", "models": [model], "test_sets": asked}
