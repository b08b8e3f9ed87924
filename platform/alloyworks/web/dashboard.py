"""What the dashboard says: what goes on, what is new, and what to do first."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from alloyworks.accounts.principal import Principal
from alloyworks.catalog import datasets, evaluations, versions
from alloyworks.jobs import reading
from alloyworks.jobs.states import UNFINISHED

A_CARD = 6  # rows


@dataclass(frozen=True)
class Step:
    """One of the first steps, in the order that people take them."""

    title: str
    words: str
    button: str
    url: str
    icon: str
    done: bool


def context_of(principal: Principal) -> dict[str, Any]:
    jobs = list(reading.listed(principal).order_by("-id")[:A_CARD])
    mine = versions.models_of(principal).exclude(organisation=None)
    steps = steps_of(principal)
    return {
        "jobs": jobs,
        "live": any(job.state in UNFINISHED for job in jobs),
        "models": list(mine.order_by("-id")[:A_CARD]),
        "datasets": list(
            datasets.datasets_of(principal).defer("stats", "preview").order_by("-id")[:A_CARD]
        ),
        "steps": steps,
        "next_step": next((step for step in steps if not step.done), None),
        "may_submit": principal.may("jobs.submit"),
        "may_upload": principal.may("datasets.create"),
    }


def steps_of(principal: Principal) -> list[Step]:
    made = set(versions.models_of(principal).exclude(organisation=None).values_list("origin"))
    return [
        Step(
            "Upload a dataset",
            "JSONL or CSV: chats, prompts with answers, instructions, text or preferences.",
            "Upload",
            reverse("dataset-new"),
            "dataset",
            datasets.datasets_of(principal).exists(),
        ),
        Step(
            "Train a specialist",
            "Spectrum finds the modules that carry the signal, and trains those.",
            "Train",
            reverse("job-new", args=["train"]),
            "train",
            ("train",) in made,
        ),
        Step(
            "Merge specialists",
            "One model of the same size that knows what its parents know.",
            "Merge",
            reverse("job-new", args=["merge"]),
            "merge",
            ("merge",) in made,
        ),
        Step(
            "Compare them",
            "Score every model on your held-out test sets, side by side.",
            "Evaluate",
            reverse("job-new", args=["evaluate"]),
            "compare",
            evaluations.scores_of(principal).exists(),
        ),
    ]
