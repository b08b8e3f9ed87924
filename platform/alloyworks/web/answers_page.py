"""The page of what models answered to one test set or task of an evaluation, beside each other."""

from collections.abc import Iterator, Mapping, Sequence
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

PERPLEXITY = METRICS["perplexity"]
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
    principal: Principal, job: Job, which: tuple[str, int], chosen: str, at: str
) -> dict[str, Any]:
    """`which` test set (`examples`) or task (`tasks`). NotFound when there are no answers to it."""
    files = answers.files_of(job, *which)
    heads = {entry.reference: entry.head for entry in job_page.inputs_of(job)}
    asked = {(kind, place): found for kind, place, *found in _asked(job, heads)}.get(which)
    if not files or asked is None:
        raise NotFound(answers.GONE)
    models = [heads.get(name, Head(name)) for name in answers.subjects(job)]
    chosen = chosen if chosen in FILTERS else ""
    leaf = answers.leaf(principal, job, list(files.values()), _place(at), _wanted(chosen))
    head, metric = asked
    return {
        "job": job,
        "head": head,
        "metric": metric,
        "filters": FILTERS.items() if metric != PERPLEXITY.label else (),
        "chosen": chosen,
        "at": at,
        "following": _words(leaf.following) if leaf.following else "",
        "files": [{"path": files[i], "model": models[i]} for i in files],
        "examples": [_example(n, row, [models[i] for i in files]) for n, row in leaf.examples],
    }


def kept(job: Job, inputs: Sequence[job_page.Input]) -> list[Json]:
    """The test sets and tasks whose answers are there, with the bytes of all models' together."""
    heads = {entry.reference: entry.head for entry in inputs}
    sizes = {entry["path"]: entry["size"] for entry in job.files}
    found = []
    for kind, place, head, metric in _asked(job, heads):
        if files := answers.files_of(job, kind, place):
            size = sum(sizes[path] for path in files.values())
            found.append(
                {"kind": kind, "place": place, "head": head, "metric": metric, "size": size}
            )
    return found


def _asked(job: Job, heads: Mapping[str, Head]) -> Iterator[tuple[str, int, Head, str]]:
    """What an evaluation asks: kind and place, what it is called, and how it is scored."""
    for place, test in enumerate(job.spec.get("test_sets", ())):
        name = test["dataset"]
        yield (
            "examples",
            place,
            heads.get(name, Head(name)),
            METRICS[test.get("metric", "exact_match")].label,
        )
    for place, task in enumerate(job.spec.get("tasks", ())):
        name = task.get("name") or task.get("file", "")
        yield "tasks", place, heads.get(name, Head(name)), "Task"


def _right(answer: Json) -> bool | None:
    """None where there is neither right nor wrong."""
    if "correct" in answer:
        return bool(answer["correct"])
    values = set((answer.get("metrics") or {}).values())
    return None if not values or values - {0, 1} else max(values) == 1


def _wanted(chosen: str) -> Wanted:
    def wanted(row: Sequence[Json]) -> bool:
        right = [_right(answer) is not False for answer in row]
        return not all(right) and (chosen == "wrong" or any(right))

    return wanted if chosen else lambda row: True


def _example(number: int, row: Sequence[Json], models: Sequence[Head]) -> Example:
    first = row[0]
    said = first.get("prompt") or first.get("example") or ""
    turns = [Turn("text", said)] if isinstance(said, str) else [_turn(message) for message in said]
    pairs = zip(models, row, strict=True)
    answered = [Answer(model, _text(each), _right(each)) for model, each in pairs]
    return Example(number, turns, str(first.get("expected", first.get("target", ""))), answered)


def _turn(message: Json) -> Turn:
    return Turn(str(message.get("role", "")), str(message.get("content", "")))


def _text(answer: Json) -> str:
    if "loss" in answer:
        return f"{answer['loss']:.3f} nats a token, {answer['tokens']:,} tokens"
    if "metrics" in answer:
        scores = (
            f"{name.removesuffix(',none')} {value:g}" for name, value in answer["metrics"].items()
        )
        return f"{answer.get('responses')}\n{', '.join(scores)}"
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
