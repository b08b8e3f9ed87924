"""What the demo asks the platform to do: two specialists, their merge, and the proof."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alloyworks.cli.demo import data
from alloyworks.cli.demo.client import Client, Json

BASE = "SmolLM2-135M-Instruct"
MODELS = ("base", "specialist_a", "specialist_b", "merged")
TASKS = ("elements", "capitals")

TRAINING: Json = {
    "objective": "sft",
    "tuning": {"method": "spectrum", "percent": 25, "train_embeddings": False},
    "batch_size": 16,
    "learning_rate": 5e-4,
    "max_length": 128,
}
EPOCHS = {"elements": 2, "capitals": 3}
ANSWER_TOKENS = 12
WEIGHT = 0.7  # of each specialist's task vector


@dataclass
class Cast:
    """The ids of everything the story made, by name."""

    email: str
    password: str
    base: str = ""
    datasets: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)


def prepare(client: Client) -> Cast:
    """Signs up an organisation and uploads both datasets."""
    tag = secrets.token_hex(3)
    cast = Cast(f"demo-{tag}@example.com", secrets.token_urlsafe(16))
    client.sign_up(f"Demo {tag}", cast.email, cast.password)
    cast.base = client.base_model(BASE)
    cast.datasets["elements"] = client.upload("elements", data.elements())
    cast.datasets["capitals"] = client.upload("capitals", data.capitals())
    return cast


def launch(client: Client, cast: Cast) -> None:
    """Submits all four jobs at once; each waits for the models it needs."""
    for name, task in zip(("specialist_a", "specialist_b"), TASKS, strict=True):
        cast.jobs[name] = client.submit(training(cast, name, task))
    cast.jobs["merged"] = client.submit(merging(cast))
    cast.jobs["evaluation"] = client.submit(evaluation(cast))


def training(cast: Cast, name: str, task: str) -> Json:
    return {
        "kind": "train",
        "name": f"{task} specialist",
        "model": cast.base,
        "dataset": cast.datasets[task],
        "epochs": EPOCHS[task],
        **TRAINING,
    }


def merging(cast: Cast) -> Json:
    """Task arithmetic (arXiv 2212.04089): the base plus both specialists' task vectors."""
    specialists = [f"job:{cast.jobs[name]}" for name in ("specialist_a", "specialist_b")]
    recipe = {
        "merge_method": "task_arithmetic",
        "base_model": cast.base,
        "models": [{"model": ref, "parameters": {"weight": WEIGHT}} for ref in specialists],
    }
    return {"kind": "merge", "name": "elements + capitals", "recipe": recipe}


def references(cast: Cast) -> dict[str, str]:
    """How the evaluation's spec names each model."""
    made = {name: f"job:{cast.jobs[name]}" for name in MODELS[1:]}
    return {"base": cast.base, **made}


def evaluation(cast: Cast) -> Json:
    asked = {"metric": "exact_match", "max_new_tokens": ANSWER_TOKENS}
    return {
        "kind": "evaluate",
        "name": "all four models",
        "models": list(references(cast).values()),
        "test_sets": [{"dataset": cast.datasets[task], **asked} for task in TASKS],
    }


def watch(client: Client, cast: Cast, seen: Callable[[str, Json], None]) -> dict[str, Json]:
    """Waits for each job in turn; the answer holds the finished jobs by name."""

    def teller(name: str) -> Callable[[Json], None]:
        return lambda job: seen(name, job)

    return {name: client.wait(job_id, teller(name)) for name, job_id in cast.jobs.items()}


def scores(cast: Cast, evaluated: Json) -> dict[str, dict[str, float]]:
    """Model → task → exact match, in percent."""
    models = {ref: name for name, ref in references(cast).items()}
    tasks = {dataset: task for task, dataset in cast.datasets.items()}
    table: dict[str, dict[str, float]] = {name: {} for name in MODELS}
    for score in evaluated["result"]["scores"]:
        table[models[score["model"]]][tasks[score["dataset"]]] = round(100 * score["value"], 1)
    return table


def durations(jobs: dict[str, Json]) -> dict[str, float]:
    """Seconds that each job ran."""
    return {name: _seconds(job) for name, job in jobs.items()}


def _seconds(job: dict[str, Any]) -> float:
    begun, ended = (datetime.fromisoformat(job[key]) for key in ("started_at", "finished_at"))
    return round((ended - begun).total_seconds(), 1)
