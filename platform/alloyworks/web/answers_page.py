"""The page of what models answered on one test set of an evaluation, beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alloyworks.accounts.principal import Principal
from alloyworks.errors import NotFound
from alloyworks.jobs import answers
from alloyworks.jobs.answers import Json, Place, Wanted
from alloyworks.jobs.models import Job
from alloyworks.web import job_page
from alloyworks.web.preview import Turn
from alloyworks.web.scores import METRICS, Head

GONE = "There are no such answers; they may have been deleted."
FILTERS = {"": "All", "wrong": "Not right by all", "differ": "Right by some"}


@dataclass(frozen=True)
class Answer:
    """What one model gave: an answer, or how surprised it was by one."""

    model: Head
    text: str
    right: bool | None  # None: this metric knows neither right nor wrong


@dataclass(frozen=True)
class Example:
    number: int
    turns: list[Turn]
    expected: str
    answers: list[Answer]


def context_of(
    principal: Principal, job: Job, test_set: int, chosen: str, at: str
) -> dict[str, Any]:
    """NotFound when this job has no answers on such a test set."""
    files = answers.files_of(job, test_set)
    if not files:
        raise NotFound(GONE)
    test = job.spec["test_sets"][test_set]
    heads = {entry.reference: entry.head for entry in job_page.inputs_of(job)}
    models = [heads.get(name, Head(name)) for name in job.spec["models"]]
    chosen = chosen if chosen in FILTERS else ""
    leaf = answers.leaf(principal, job, list(files.values()), _place(at), _wanted(chosen))
    return {
        "job": job,
        "test_set": test_set,
        "dataset": heads.get(test["dataset"], Head(test["dataset"])),
        "metric": METRICS[test["metric"]],
        "filters": FILTERS.items() if _is_graded(job, test_set) else (),
        "chosen": chosen,
        "at": at,
        "following": _words(leaf.following) if leaf.following else "",
        "files": [{"path": files[i], "model": models[i]} for i in files],
        "examples": [_example(n, row, [models[i] for i in files]) for n, row in leaf.examples],
    }


def sets_of(job: Job, inputs: Sequence[job_page.Input]) -> list[Json]:
    """The test sets whose answers are there, with the bytes of all models' together."""
    heads = {entry.reference: entry.head for entry in inputs}
    sizes = {entry["path"]: entry["size"] for entry in job.files}
    found = []
    for place, test in enumerate(job.spec.get("test_sets", ())):
        if files := answers.files_of(job, place):
            head = heads.get(test["dataset"], Head(test["dataset"]))
            size = sum(sizes[path] for path in files.values())
            found.append({"place": place, "head": head, "size": size})
    return found


def _is_graded(job: Job, test_set: int) -> bool:
    return bool(job.spec["test_sets"][test_set]["metric"] != "perplexity")


def _wanted(chosen: str) -> Wanted:
    def wanted(row: Sequence[Json]) -> bool:
        right = [bool(answer.get("correct", True)) for answer in row]
        return not all(right) and (chosen == "wrong" or any(right))

    return wanted if chosen else lambda row: True


def _example(number: int, row: Sequence[Json], models: Sequence[Head]) -> Example:
    first = row[0]
    said = first.get("prompt") or first.get("example") or ""
    turns = [Turn("text", said)] if isinstance(said, str) else [_turn(message) for message in said]
    pairs = zip(models, row, strict=True)
    answered = [Answer(model, _text(each), each.get("correct")) for model, each in pairs]
    return Example(number, turns, str(first.get("expected", "")), answered)


def _turn(message: Json) -> Turn:
    return Turn(str(message.get("role", "")), str(message.get("content", "")))


def _text(answer: Json) -> str:
    if "loss" in answer:
        return f"{answer['loss']:.3f} nats a token, {answer['tokens']:,} tokens"
    return str(answer.get("answer", ""))


def _place(at: str) -> Place | None:
    """Nonsense means the first."""
    try:
        number, *offsets = [int(word) for word in at.split("-")]
    except ValueError:
        return None
    return Place(number, tuple(offsets))


def _words(place: Place) -> str:
    return "-".join(map(str, (place.examples, *place.offsets)))
